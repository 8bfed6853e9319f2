namespace Hyperspan.Tests.Memory;

/// <summary>Where the memory does on purpose other than the source documents say; the numbers are those of the list of differences in docs.</summary>
public sealed unsafe class SourceDifferenceTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Theory]
    [InlineData(Page + 100, 1)]
    [InlineData(1, 0)]
    [InlineData((3 * Page) + (Page - 1), 3)]
    public void A_partial_last_page_is_locked_by_range_and_not_by_number(ulong length, ulong page)
    {
        using GuestMemory memory = new(new HeapBacking(length, new HeapBackingOptions { ExactLength = true }), "ram");
        memory.TryPinPages([page], AccessType.Write, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, length);
        using PinnedMemory locked = memory.Pin(page * Page, length - (page * Page), AccessType.Write);
        locked.Length.ShouldBe(length - (page * Page));
        locked.Pieces[0].Length.ShouldBe((int)(length - (page * Page)));
    }

    [Fact]
    public void The_fallback_is_given_what_is_left_of_an_access()
    {
        using var sparse = new SparseBacking(4 * Page);
        sparse.Commit(0, 2 * Page);
        using var backing = new RestByFallback(sparse);
        using GuestMemory memory = new(backing, "ram");
        byte[] bytes = new byte[(int)(2 * Page)];
        memory.Write(Page, bytes);
        backing.Asked.ShouldBe([(2 * Page, Page)]);
        backing.Asked.Clear();
        memory.Read(Page - 1, bytes.AsSpan(0, (int)Page + 8));
        backing.Asked.ShouldBe([(2 * Page, 7UL)]);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public void A_write_under_bitmaps_has_written_the_pages_before_the_one_that_is_refused(int refused)
    {
        SparseBacking sparse = PinTests.Committed(4);
        byte bits = (byte)(0xf & ~(1 << refused));
        using GuestMemory memory = new(new MappedBacking(sparse, [0xff], [bits]), "ram");
        byte[] ones = new byte[(int)(4 * Page)];
        ones.AsSpan().Fill(1);
        memory.TryWrite(0, ones, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, (ulong)refused * Page);
        for (int page = 0; page < 4; page++)
        {
            memory.Read<byte>((ulong)page * Page).ShouldBe((byte)(page < refused ? 1 : 0), $"page {page}");
        }
    }

    /// <summary>Pages that are not there are read and written by fallback methods, which note what they are asked for.</summary>
    private sealed class RestByFallback(SparseBacking sparse) : MappedBacking(sparse)
    {
        internal List<(ulong Address, ulong Length)> Asked { get; } = [];

        protected internal override PageFaultAction OnPageFault(in PageFault fault) => PageFaultAction.Fallback;

        protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            Asked.Add((offset, (ulong)destination.Length));
            destination.Clear();
            return BackingResult.Success;
        }

        protected internal override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
        {
            Asked.Add((offset, (ulong)source.Length));
            return BackingResult.Success;
        }
    }
}
