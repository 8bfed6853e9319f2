using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>To the last byte and not one further, although there is memory behind it.</summary>
public class StreamingBoundTests
{
    private const int Length = 21;

    private static readonly ulong[] Pages = [5, 2];

    private static readonly PagedRangeBuffer[] List = [new(Pages, 4090, 10), new(new ulong[] { 3 }, 7, 11)];

    [Fact]
    public void Readers_end_with_their_last_byte()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x10000);
        Check(new RangeReader(memory, 0x1000, Length));
        Check(new PagedReader(memory, new PagedRange(Pages, 4090, Length)));
        Check(new PagedReader(memory, new PagedRange(List)));
        Check(new RangeReader(memory, new GuestRange(0x1000, 100)).Limit(Length));
        Check(new SpanMemoryReader(new byte[Length]));

        static void Check<TReader>(TReader reader)
            where TReader : struct, IMemoryReader, allows ref struct
        {
            reader.Remaining.ShouldBe((ulong)Length);
            reader.TryRead(new byte[Length + 1], out StreamingFault fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            reader.TrySkip(Length + 1, out _).ShouldBeFalse();
            reader.TryReadArray(Length + 1, out byte[]? _, out _).ShouldBeFalse();
            reader.Remaining.ShouldBe((ulong)Length);
            reader.TrySkip(Length - 7, out _).ShouldBeTrue();
            reader.TryRead(out ulong _, out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            TReader other = reader;
            other.TryRead(new byte[7], out _).ShouldBeTrue();
            other.Remaining.ShouldBe(0UL);
            other = reader;
            other.TrySkip(7, out _).ShouldBeTrue();
            other.TryRead(out byte _, out _).ShouldBeFalse();
            other.TryRead([], out _).ShouldBeTrue();
        }
    }

    [Fact]
    public void Writers_end_with_their_last_byte()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x10000);
        memory.Fill(0, 0xee, 0x10000);
        Check(new RangeWriter(memory, 0x1000, Length));
        Check(new PagedWriter(memory, new PagedRange(Pages, 4090, Length)));
        Check(new PagedWriter(memory, new PagedRange(List)));
        Check(new RangeWriter(memory, new GuestRange(0x1800, 100)).Limit(Length));
        Check(new SpanMemoryWriter(new byte[Length]));
        memory.Read<byte>(0x1000 + Length).ShouldBe((byte)0xee);
        memory.Read<byte>(0x1800 + Length).ShouldBe((byte)0xee);
        memory.Read<byte>(0x3000 + 7 + 11).ShouldBe((byte)0xee);

        static void Check<TWriter>(TWriter writer)
            where TWriter : struct, IMemoryWriter, allows ref struct
        {
            writer.Remaining.ShouldBe((ulong)Length);
            writer.TryWrite(new byte[Length + 1], out StreamingFault fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            writer.TryFill(1, Length + 1, out _).ShouldBeFalse();
            writer.Remaining.ShouldBe((ulong)Length);
            writer.TryFill(1, Length - 7, out _).ShouldBeTrue();
            writer.TryWrite(ulong.MaxValue, out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            writer.TryWrite(new byte[7], out _).ShouldBeTrue();
            writer.Remaining.ShouldBe(0UL);
            writer.TryWrite((byte)1, out _).ShouldBeFalse();
            writer.TryWrite([], out _).ShouldBeTrue();
        }
    }
}
