namespace Hyperspan.Tests.Memory;

/// <summary>A lock that fails half-way, or whose backing throws, leaves nothing locked; and what it costs is bounded by what could be locked.</summary>
public sealed class PinUndoTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_backing_that_throws_when_it_is_asked_for_spans_leaves_nothing_pinned(bool byNumber)
    {
        using var backing = new UnwillingBacking(Committed(4)) { ThrowWhenAskedForSpans = true };
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        PinnedMemory? none;
        GuestMemoryFault fault;
        (byNumber
            ? memory.TryPinPages([0, 2], AccessType.Write, out none, out fault)
            : memory.TryPin(0, 3 * Page, AccessType.Write, out none, out fault)).ShouldBeFalse();
        none.ShouldBeNull();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Other);
        fault.Exception.ShouldBeOfType<InvalidDataException>();
        backing.Held.ShouldBe(0);

        // The use has ended as well: a disposal releases at once.
        backing.Dispose();
        backing.Released.ShouldBeTrue();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_thrown_while_a_failed_pin_is_undone_hides_neither_the_fault_nor_another_pin(bool byNumber)
    {
        using SparseBacking sparse = Committed(1);
        using var throwing = new UnwillingBacking(Committed(1)) { ThrowOnUnlock = true };
        using var empty = new SparseBacking(Page);
        using GuestMemory memory = new GuestMemoryBuilder("three").AddRegion(0, sparse).AddRegion(Page, throwing).AddRegion(2 * Page, empty).LeaveBackingsOpen().Build();
        GuestMemoryFault fault;
        (byNumber
            ? memory.TryPinPages([0, 1, 2], AccessType.Write, out _, out fault)
            : memory.TryPin(0, 3 * Page, AccessType.Write, out _, out fault)).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
        sparse.IsPinned(0).ShouldBeFalse();
        throwing.Dispose();
        throwing.Released.ShouldBeTrue("the use of the backing that threw is over");
    }

    [Fact]
    public void Vectors_whose_backing_throws_when_cleared_are_empty_and_can_be_used_again()
    {
        using SparseBacking sparse = Committed(2);
        using var throwing = new UnwillingBacking(Committed(1)) { ThrowOnUnlock = true };
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, sparse).AddRegion(2 * Page, throwing).LeaveBackingsOpen().Build();
        using var vectors = new GuestIoVectors(AccessType.Write);
        vectors.Add(memory, 0, 3 * Page);
        Should.Throw<NotSupportedException>(vectors.Clear);
        vectors.Count.ShouldBe(0);
        vectors.Length.ShouldBe(0UL);
        sparse.IsPinned(0).ShouldBeFalse();
        vectors.Add(memory, 0, Page);
        vectors.Count.ShouldBe(1);
        sparse.IsPinned(0).ShouldBeTrue();
    }

    [Fact]
    public void Where_the_first_page_is_not_there_hardly_any_is_pinned_and_hardly_anything_allocated()
    {
        using var backing = new UnwillingBacking(new SparseBacking(16UL << 30));
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        for (int warm = 0; warm < 2; warm++)
        {
            memory.TryPin(0, 1 << 20, AccessType.Write, out _, out _).ShouldBeFalse();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        bool locked = memory.TryPin(0, 16UL << 30, AccessType.Write, out _, out GuestMemoryFault fault);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        locked.ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0);
        backing.MostHeld.ShouldBeLessThanOrEqualTo(64);
        allocated.ShouldBeLessThan(16 << 10);
    }

    [Fact]
    public void A_long_list_whose_first_page_is_not_there_allocates_hardly_anything()
    {
        using var sparse = new SparseBacking(16UL << 30);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, sparse).LeaveBackingsOpen().Build();
        ulong[] pages = [.. Enumerable.Range(0, 1 << 20).Select(page => (ulong)page)];
        memory.TryPinPages(pages, AccessType.Read, out _, out _).ShouldBeFalse();
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool locked = memory.TryPinPages(pages, AccessType.Read, out _, out GuestMemoryFault fault);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        locked.ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0);
        allocated.ShouldBeLessThan(16 << 10);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(200)]
    [InlineData(299)]
    public void A_hole_anywhere_in_a_long_range_undoes_all_of_it(ulong hole)
    {
        using SparseBacking sparse = Committed(300);
        sparse.Decommit(hole * Page, Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, sparse).LeaveBackingsOpen().Build();
        memory.TryPin(10, (300 * Page) - 20, AccessType.Write, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, hole == 0 ? 10 : hole * Page);
        sparse.Unmap(0, 300 * Page);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void A_long_pin_is_released_page_by_page_as_it_was_taken(ulong pages)
    {
        using var backing = new UnwillingBacking(Committed(pages));
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        PinnedMemory first = memory.Pin(0, pages * Page, AccessType.Write);
        backing.Held.ShouldBe((int)pages);
        PinnedMemory second = memory.Pin(0, 1, AccessType.Read);
        first.Dispose();
        backing.Held.ShouldBe(1);
        backing.Inner.IsPinned(0).ShouldBeTrue();
        second.Dispose();
        backing.Held.ShouldBe(0);
        backing.Inner.Unmap(0, pages * Page);
    }

    private static SparseBacking Committed(ulong pages) => PinTests.Committed(pages);

    /// <summary>Counts the pages that are locked, and throws where it is told to.</summary>
    private sealed unsafe class UnwillingBacking(SparseBacking inner) : GuestMemoryBacking
    {
        internal SparseBacking Inner => inner;

        internal bool ThrowWhenAskedForSpans { get; init; }

        internal bool ThrowOnUnlock { get; init; }

        internal int Held { get; private set; }

        internal int MostHeld { get; private set; }

        internal bool Released { get; private set; }

        public override ulong Length => inner.Length;

        public override byte* Mapping => inner.Mapping;

        public override string Name => "unwilling";

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            Held += pageNumbers.Length;
            MostHeld = Math.Max(MostHeld, Held);
            return inner.PinPages(pageNumbers, access, out unpinRequired);
        }

        protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
        {
            Held -= pageNumbers.Length;
            inner.UnpinPages(pageNumbers);
            if (ThrowOnUnlock)
            {
                throw new NotSupportedException();
            }
        }

        protected internal override bool KeepsPinnedPages(ulong firstPage, ulong pageCount) =>
            ThrowWhenAskedForSpans ? throw new InvalidDataException() : inner.KeepsPinnedPages(firstPage, pageCount);

        protected override void Release()
        {
            Released = true;
            inner.Dispose();
        }
    }
}
