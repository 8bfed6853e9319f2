using System.Runtime.InteropServices;

namespace Hyperspan.Tests;

/// <summary>What is checked of a backing however a region over it comes to be.</summary>
public sealed unsafe class RegionCheckTests : IDisposable
{
    private const int Page = 4096;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(4 * Page, Page);

    public static TheoryData<string> Ways => ["constructor", "builder", "equal regions"];

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_misaligned_mapping_is_refused(string way)
    {
        foreach (int shift in (int[])[1, 2, 8, 64, 2048])
        {
            using var backing = new OddBacking { At = _memory + shift };
            Should.Throw<ArgumentException>(() => Make(way, backing)).Message.ShouldContain("not page-aligned");
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Access_bitmaps_that_end_before_the_backing_are_refused(string way)
    {
        using var backing = new OddBacking { At = _memory, Lengths = [2 * Page], AccessBitmaps = new AccessBitmaps(Page) };
        Should.Throw<ArgumentException>(() => Make(way, backing)).Message.ShouldContain("access bitmaps");
        using var enough = new OddBacking { At = _memory, Lengths = [2 * Page], AccessBitmaps = new AccessBitmaps((2 * Page) - 1) };
        Make(way, enough).Dispose();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_mapping_that_wraps_is_refused(string way)
    {
        using var backing = new OddBacking { At = (byte*)(ulong.MaxValue - Page + 1), Lengths = [2 * Page] };
        Should.Throw<ArgumentException>(() => Make(way, backing)).Message.ShouldContain("past 2^64");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_length_that_changes_never_shows_more_than_was_checked(string way)
    {
        for (int first = 0; first < 4; first++)
        {
            using var backing = new OddBacking { At = _memory, Lengths = [.. Enumerable.Repeat((ulong)Page, first), 2 * Page, Page] };
            GuestMemory memory;
            try
            {
                memory = Make(way, backing);
            }
            catch (ArgumentException)
            {
                continue;
            }

            memory.End.ShouldBeLessThanOrEqualTo(backing.AtMapping, "the length that was asked for together with the mapping");
        }
    }

    private static GuestMemory Make(string way, GuestMemoryBacking backing) => way switch
    {
        "constructor" => new GuestMemory(backing, "odd"),
        "builder" => new GuestMemoryBuilder("odd").AddRegion(0, backing).Build(),
        _ => new GuestMemoryBuilder("odd").AddEqualRegions(2 * Page, backing).Build(),
    };

    private sealed class OddBacking : GuestMemoryBacking
    {
        private int _asked;

        public byte* At { get; init; }

        public ulong[] Lengths { get; init; } = [Page];

        public ulong LastLength { get; private set; }

        public ulong AtMapping { get; private set; }

        public override ulong Length => LastLength = Lengths[Math.Min(_asked++, Lengths.Length - 1)];

        public override byte* Mapping
        {
            get
            {
                AtMapping = LastLength;
                return At;
            }
        }
    }
}
