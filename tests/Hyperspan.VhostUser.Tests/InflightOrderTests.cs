namespace Hyperspan.VhostUser.Tests;

/// <summary>The order of what is stored in the record of requests in flight, and of what is read from it.</summary>
public class InflightOrderTests
{
    private const ulong FirstEntry = 16;

    /// <summary>A back end may die between the two: an entry that is flagged has a counter, or it would be done again out of turn.</summary>
    [Fact]
    public void A_request_has_its_counter_before_it_is_flagged()
    {
        var backing = new RecordingBacking();
        using var memory = new GuestMemory(backing, "record");
        var queue = new SplitInflightQueue(memory, 0, 4);
        queue.Pending().ShouldBeEmpty();
        queue.OnTaken(2);
        queue.OnTaken(1);
        ulong third = FirstEntry + (2 * 16);
        ulong second = FirstEntry + 16;
        backing.Written.ShouldBe([third + 8, third, second + 8, second]);
        queue.Fault.IsFault.ShouldBeFalse();
    }

    [Fact]
    public void Requests_are_listed_in_the_order_they_were_taken_in()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        var first = new SplitInflightQueue(memory, 0, 8);
        first.Pending().ShouldBeEmpty();
        foreach (ushort head in (ushort[])[5, 3, 7, 0])
        {
            first.OnTaken(head);
        }

        // A descriptor that comes back is the youngest.
        first.OnCompleting(5);
        first.OnCompleted(1);
        first.OnTaken(5);
        var second = new SplitInflightQueue(memory, 0, 8);
        second.Pending().ShouldBe((ushort[])[3, 7, 0, 5]);
        second.OnTaken(1);
        new SplitInflightQueue(memory, 0, 8).Pending().ShouldBe((ushort[])[3, 7, 0, 5, 1]);
    }

    /// <summary>Without a mapping, so that each access comes by, and remembers where it was written to.</summary>
    private sealed class RecordingBacking : GuestMemoryBacking
    {
        private readonly byte[] _bytes = new byte[4096];

        public override ulong Length => (ulong)_bytes.Length;

        internal List<ulong> Written { get; } = [];

        protected override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
            return BackingResult.Success;
        }

        protected override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
        {
            Written.Add(offset);
            source.CopyTo(_bytes.AsSpan((int)offset));
            return BackingResult.Success;
        }
    }
}
