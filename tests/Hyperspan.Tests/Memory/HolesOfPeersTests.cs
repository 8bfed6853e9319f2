using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests;

/// <summary>One test for each hole that the field notes found in a peer, named after it.</summary>
public class HolesOfPeersTests
{
    private const ulong Page = 4096;

    [Fact]
    public void Locks_taken_through_a_slice_reach_the_backing()
    {
        ulong unit = SelfProbe.Page;
        SparseBacking mapping = Committed(4 * SelfProbe.GuestPages);
        using GuestMemory memory = new(mapping, "ram");
        using PinnedMemory locked = memory.Slice(unit, 2 * unit).Slice(0, unit).PinPages([0], AccessType.Read);
        mapping.IsPinned(SelfProbe.GuestPages).ShouldBeTrue();
        Should.Throw<InvalidOperationException>(() => mapping.Unmap(unit, unit));
    }

    [Fact]
    public void Locking_locks_first_and_probes_second()
    {
        // A backing whose page goes away when it is probed too early: between probe and lock.
        var backing = new OrderedBacking();
        using GuestMemory memory = new(backing, "ram");
        memory.PinPages([0], AccessType.Read).Dispose();
        backing.Order.ShouldBe(["lock", "probe", "unlock"]);
    }

    [Fact]
    public void A_mapping_cannot_go_while_it_is_locked()
    {
        SparseBacking mapping = Committed(1);
        using GuestMemory memory = new(mapping, "ram");
        using (memory.Pin(0, 10, AccessType.Write))
        {
            Should.Throw<InvalidOperationException>(() => mapping.Unmap(0, Page));
            Should.Throw<InvalidOperationException>(() => mapping.Decommit(0, Page));
            Should.Throw<InvalidOperationException>(() => mapping.Protect(0, Page, Protection.Read));
            Should.Throw<InvalidOperationException>(() => mapping.MapZero(0, Page));
            memory.Write(0, 1);
        }

        mapping.Unmap(0, Page);
    }

    [Fact]
    public void Locked_pages_cannot_be_unlocked_twice()
    {
        SparseBacking mapping = Committed(1);
        using GuestMemory memory = new(mapping, "ram");
        PinnedMemory first = memory.PinPages([0], AccessType.Read);
        using PinnedMemory second = memory.PinPages([0], AccessType.Read);
        Parallel.For(0, 8, _ => first.Dispose());
        mapping.IsPinned(0).ShouldBeTrue("the second lock still holds it");
    }

    [Fact]
    public void A_lock_knows_whether_it_is_for_reading_or_writing()
    {
        SparseBacking mapping = Committed(1);
        mapping.Protect(0, Page, Protection.Read);
        using GuestMemory memory = new(mapping, "ram");
        using PinnedMemory locked = memory.PinPages([0], AccessType.Read);
        locked.Access.ShouldBe(AccessType.Read);
        Should.Throw<GuestMemoryException>(() => memory.PinPages([0], AccessType.Write)).Kind.ShouldBe(GuestMemoryFaultKind.ReadOnly);
    }

    [Fact]
    public void A_backing_that_fills_its_region_keeps_its_last_byte()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddEqualRegions(2 * Page, new HeapBacking(2 * Page), new HeapBacking(2 * Page)).Build();
        memory.Write((2 * Page) - 1, (byte)1);
        memory.Read<byte>((2 * Page) - 1).ShouldBe((byte)1);
        memory.Write((4 * Page) - 8, ulong.MaxValue);
        memory.Read<byte>((4 * Page) - 1).ShouldBe((byte)0xff);
    }

    [Fact]
    public void Accesses_cross_regions_of_any_layout()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(3 * Page, new HeapBacking(Page)).AddRegion(0, Committed(3)).AddRegion(4 * Page, new FallbackBacking((int)(5 * Page))).Build();
        byte[] data = MemoryAssert.Pattern((int)(8 * Page));
        memory.Write(10, data);
        memory.Read(10, data.Length).ShouldBe(data);
    }

    [Fact]
    public void Memory_of_several_regions_can_be_shared()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new SharedBacking(Page)).AddRegion(1UL << 32, new SharedBacking(Page)).Build();
        memory.GetShareableRegions().Count.ShouldBe(2);
    }

    [Fact]
    public void A_compare_exchange_without_a_fallback_is_a_clear_fault()
    {
        using GuestMemory memory = new(new FallbackBacking(4096) { SupportsCompareExchange = false }, "io");
        memory.TryCompareExchange(8, 1UL, 0UL, out _, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, 8);
        memory.Write(8, 5UL);
        memory.Read<ulong>(8).ShouldBe(5UL, "plain accesses work");
    }

    [Fact]
    public void Eight_byte_accesses_reach_a_fallback_in_one_call()
    {
        // So that a backing can make them as atomic as it likes.
        var device = new FallbackBacking(4096);
        using GuestMemory memory = new(device, "io");
        memory.Write(8, 5UL);
        memory.Read<ulong>(8);
        device.Calls.ShouldBe(2);
    }

    [Fact]
    public void Zero_length_accesses_on_a_bitmap_page_do_not_underflow()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<(ushort, byte, byte)>(), x =>
        {
            (ushort address, byte length, byte bits) = x;
            using GuestMemory memory = new(new MappedBacking(Committed(8), [bits]), "ram");
            memory.TryRead(address, []).ShouldBeTrue();
            memory.TryWrite(address, []).ShouldBeTrue();
            memory.TryFill(address, 1, 0).ShouldBeTrue();
            memory.TryRead(ulong.MaxValue - address, new byte[length]).ShouldBe(length == 0);
            return true;
        }).QuickCheckThrowOnFailure();
    }

    private static SparseBacking Committed(ulong pages)
    {
        var mapping = new SparseBacking(pages * Page);
        mapping.Commit(0, pages * Page);
        return mapping;
    }

    private sealed class OrderedBacking() : MappedBacking(new SparseBacking(Page))
    {
        internal List<string> Order { get; } = [];

        protected internal override PageFaultAction OnPageFault(in PageFault fault)
        {
            Order.Add("probe");
            Sparse.Commit(0, Page);
            return PageFaultAction.Retry;
        }

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            Order.Add("lock");
            unpinRequired = true;
            return BackingResult.Success;
        }

        protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers) => Order.Add("unlock");
    }
}
