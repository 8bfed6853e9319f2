using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Slices: relative addresses, bounds, and everything forwarded, at any depth.</summary>
public class SliceTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(0UL)]
    [InlineData(Page)]
    [InlineData(4000UL)]
    [InlineData(13UL)]
    public void Addresses_are_relative_and_bounds_hold(ulong start)
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(2 * Page)).AddRegion(2 * Page, Committed(2)).Build();
        byte[] all = Pattern((int)(4 * Page));
        memory.Write(0, all);
        GuestMemory view = memory.Slice(start, 2 * Page);
        view.End.ShouldBe(2 * Page);
        view.Name.ShouldBe("ram");
        view.Read(0, (int)(2 * Page)).ShouldBe(all.AsSpan((int)start, (int)(2 * Page)).ToArray());
        view.Read<uint>(7).ShouldBe(memory.Read<uint>(start + 7));
        view.Write((2 * Page) - 1, (byte)0xee);
        memory.Read<byte>(start + (2 * Page) - 1).ShouldBe((byte)0xee);
        view.TryRead((2 * Page) - 1, out ushort _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 2 * Page);
        view.TryWrite(2 * Page, (byte)1, out fault).ShouldBeFalse();
        view.TryFill(0, 0, (2 * Page) + 1, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 2 * Page);

        GuestMemory deeper = view.Slice(100, 1000).Slice(23, 100);
        deeper.Read(0, 100).ShouldBe(memory.Read(start + 123, 100));
        deeper.TryRead(100, out byte _).ShouldBeFalse();
        deeper.TryRead(ulong.MaxValue, out byte _).ShouldBeFalse();
    }

    [Fact]
    public void Only_backings_of_others_are_asked_for_slices()
    {
        using var shared = new SharedBacking(Page);
        using var heap = new HeapBacking(Page);
        using var sparse = new SparseBacking(Page);
        using var foreign = new ForeignBacking(shared.Handle, 0, Page);
        foreach (GuestMemoryBacking backing in (GuestMemoryBacking[])[shared, heap, sparse, foreign])
        {
            backing.HasHooks.ShouldBeFalse(backing.Name);
        }

        using var own = new FallbackBacking((int)Page);
        own.HasHooks.ShouldBeTrue();
    }

    [Fact]
    public void Ranges_that_are_not_all_memory_are_refused()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page)).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        Refused(memory, 0, Page + 1, Page);
        Refused(memory, Page, 1, Page);
        Refused(memory, 2 * Page, ulong.MaxValue, 3 * Page);
        memory.Slice(3 * Page, 0).End.ShouldBe(0UL);
        memory.Slice(Page + 5, 0).End.ShouldBe(0UL);
        Refused(memory, (3 * Page) + 1, 0, (3 * Page) + 1);
        Refused(memory, ulong.MaxValue, 0, ulong.MaxValue);
        Refused(GuestMemory.Empty, 1, 0, 1);
        GuestMemory.Empty.Slice(0, 0).End.ShouldBe(0UL);
        GuestMemory view = memory.Slice(2 * Page, Page);
        Refused(view, 1, Page, Page);

        static void Refused(GuestMemory memory, ulong start, ulong length, ulong at)
        {
            memory.TrySlice(start, length, allowPreemptivePinning: false, out GuestMemory? none, out GuestMemoryFault fault).ShouldBeFalse();
            none.ShouldBeNull();
            fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, at);
            fault.Operation.ShouldBe(GuestMemoryOperation.Slice);
        }
    }

    [Fact]
    public void Faults_handlers_and_fallbacks_are_forwarded_with_addresses_of_their_own()
    {
        using var faulting = new FaultingBacking(16 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0x10_0000, faulting).Build();
        GuestMemory view = memory.Slice(0x10_0000 + (3 * Page) + 8, 4 * Page);
        view.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, 0);
        fault.Exception.ShouldBeSameAs(FaultingBacking.Refusal);
        view.Write(Page, 5UL);
        memory.Read<ulong>(0x10_0000 + (4 * Page) + 8).ShouldBe(5UL);
        faulting.Faults.ShouldBe(2);

        var device = new FallbackBacking((int)(4 * Page)) { Hole = 2 * Page };
        using GuestMemory io = new(device, "io");
        GuestMemory window = io.Slice(Page + 1, 2 * Page);
        window.Write(3, [1, 2, 3]);
        device.Bytes.AsSpan((int)Page + 4, 3).ToArray().ShouldBe([1, 2, 3]);
        window.TryRead(0, new byte[2 * Page], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, Page - 1);
        window.CompareExchange<uint>(3, 9, 0x030201).ShouldBe(0x030201u);
    }

    [Fact]
    public void Bitmaps_are_forwarded_with_their_offsets()
    {
        // Pages 0 to 11 behind bits 5 to 16: 3 and 7 may not be read, 4 may not be written.
        var read = new byte[3];
        var write = new byte[3];
        for (int page = 0; page < 12; page++)
        {
            Set(read, page + 5, page is not (3 or 7));
            Set(write, page + 5, page is not 4);
        }

        SparseBacking mapping = Committed(12);
        using GuestMemory memory = new(new MappedBacking(mapping, read, write, bitOffset: 5), "ram");
        for (ulong start = 0; start < 9; start++)
        {
            GuestMemory view = memory.Slice(start * Page, 3 * Page).Slice(0, 3 * Page);
            GuestMemory shifted = memory.Slice((start * Page) + 4095, 2 * Page);
            for (ulong page = 0; page < 3; page++)
            {
                view.TryRead(page * Page, out byte _).ShouldBe(start + page is not (3 or 7));
                view.TryWrite(page * Page, (byte)0).ShouldBe(start + page is not 4);
            }

            shifted.TryRead(0, out byte _).ShouldBe(start is not (3 or 7));
            shifted.TryRead(1, out byte _).ShouldBe(start + 1 is not (3 or 7));
            shifted.TryWrite(Page, (byte)0).ShouldBe(start + 1 is not 4);
        }

        memory.ReadBytesFault(2 * Page, (int)(4 * Page)).ShouldBeFault(GuestMemoryFaultKind.Restricted, 3 * Page);
        memory.TryWrite((3 * Page) + 5, new byte[2 * Page], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, 4 * Page);
        memory.TryWrite((4 * Page) - 4, 1UL, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, 4 * Page);

        static void Set(byte[] bits, int bit, bool value) => bits[bit / 8] |= (byte)((value ? 1 : 0) << (bit % 8));
    }

    [Fact]
    public void Sharing_is_listed_for_every_region_and_through_slices()
    {
        var low = new SharedBacking(4 * Page);
        var high = new SharedBacking(4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, low).AddRegion(4 * Page, new HeapBacking(Page)).AddRegion(5 * Page, high, protection: Protection.Read).Build();
        memory.GetShareableRegions().Select(r => (r.Start, r.Length, r.FileOffset, r.Writable))
            .ShouldBe([(0UL, 4 * Page, 0UL, true), (5 * Page, 4 * Page, 0UL, false)]);
        memory.GetShareableRegions()[1].Handle.ShouldBeSameAs(high.Handle);
        memory.Slice((3 * Page) + 10, 4 * Page).GetShareableRegions().Select(r => (r.Start, r.Length, r.FileOffset))
            .ShouldBe([(0UL, Page - 10, (3 * Page) + 10), ((2 * Page) - 10, (2 * Page) + 10, 0UL)]);

        // What the list says is where the bytes are.
        memory.Write(2 * Page, 0x1234_5678u);
        ShareableRegion first = memory.GetShareableRegions()[0];
        using GuestMemory peer = new(new ForeignBacking(first.Handle, first.FileOffset, first.Length), "peer");
        peer.Read<uint>(2 * Page).ShouldBe(0x1234_5678u);
    }

    [Fact]
    public void Slices_keep_their_parent_alive_and_close_alone()
    {
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        GuestMemory view = memory.Slice(0, Page);
        GuestMemory other = memory.Slice(0, Page);
        view.Dispose();
        view.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        other.Read<byte>(0);
        memory.Read<byte>(0);

        GuestMemory orphan = Orphan();
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        orphan.Read<uint>(8).ShouldBe(0xfeedu);

        static GuestMemory Orphan()
        {
            GuestMemory parent = GuestMemory.Allocate(Page);
            parent.Write(16, 0xfeedu);
            return parent.Slice(8, 100);
        }
    }

    [Fact]
    public void A_backing_may_provide_its_own()
    {
        using var backing = new OwnSliceBacking();
        using GuestMemory memory = new(backing, "ram");
        backing.Special.Write(8, 0xfeedu);
        memory.Slice(Page, Page, allowPreemptivePinning: true).Read<uint>(8).ShouldBe(0xfeedu);
        backing.Asked.ShouldBe((Page, Page, true));
        memory.TrySlice(0, 10, allowPreemptivePinning: false, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotPrivate, 3);
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(Page - 1)]
    [InlineData(Page + 1)]
    [InlineData(2 * Page)]
    public void A_backing_that_provides_another_length_than_asked_is_refused(ulong length)
    {
        using var backing = new OwnSliceBacking();
        using GuestMemory memory = new(backing, "ram");
        memory.TrySlice(Page, length, allowPreemptivePinning: false, out GuestMemory? view, out GuestMemoryFault fault).ShouldBeFalse();
        view.ShouldBeNull();
        fault.Cause.ShouldBe(FaultCause.Backing);
        fault.Length.ShouldBe(length);
    }

    [Fact]
    public void What_a_backing_provides_is_closed_with_everything_above_it()
    {
        foreach (int closed in Enumerable.Range(0, 5))
        {
            using var backing = new OwnSliceBacking();
            GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
            GuestMemory outer = memory.Slice(Page, Page);
            GuestMemory inner = outer.Slice(64, 128);
            GuestMemory innermost = inner.Slice(1, 2);
            innermost.Read<byte>(0);
            new Action[] { memory.Dispose, outer.Dispose, inner.Dispose, backing.Special.Dispose, backing.Dispose }[closed]();
            foreach ((GuestMemory view, bool open) in new[] { (outer, closed == 2), (inner, false), (innermost, false) })
            {
                view.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBe(open);
                view.TryRead(0, new byte[2], out fault).ShouldBe(open);
                view.TryWrite(0, (byte)1, out fault).ShouldBe(open);
                (open || fault.Kind == GuestMemoryFaultKind.Disposed).ShouldBeTrue(fault.ToString());
            }
        }
    }

    [Fact]
    public void A_view_costs_the_same_at_any_depth()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.Write(8, 0xfeedu);
        GuestMemory outermost = memory.Slice(8, 100);
        GuestMemory view = outermost;
        for (int i = 0; i < 200_000; i++)
        {
            view = view.Slice(0, 100);
        }

        // On a stack that a call for each level would overflow.
        (uint Value, int Regions, string Name, bool Closed) seen = default;
        var small = new Thread(
            () =>
            {
                seen = (view.Read<uint>(0), view.Regions.Count, view.Name, view.IsDisposed);
                outermost.Dispose();
            },
            maxStackSize: 256 << 10);
        small.Start();
        small.Join();
        seen.ShouldBe((0xfeedu, 1, "heap", false));
        view.IsDisposed.ShouldBeTrue();
        view.TryRead(0, out byte _).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_view_of_a_made_slice_is_closed_with_whatever_that_was_made_from(int closed)
    {
        // The backing stays open, and so does what the view was asked of.
        using var heap = new HeapBacking(4 * Page);
        using GuestMemory origin = new GuestMemoryBuilder("origin").AddRegion(0, heap).LeaveBackingsOpen().Build();
        GuestMemory middle = origin.Slice(Page / 2, 3 * Page);
        GuestMemory made = middle.Slice(Page / 4, Page);
        using var outer = new GuestMemory(new ForwardingBacking(Page, made), "outer");
        GuestMemory view = outer.Slice(0, Page);
        GuestMemory inner = view.Slice(16, 64).Slice(8, 8);

        // Made for a slice of a slice that was made itself.
        using var outermost = new GuestMemory(new ForwardingBacking(Page, view), "outermost");
        GuestMemory remade = outermost.Slice(0, Page);
        GuestMemory[] views = [view, inner, remade, remade.Slice(3, 9)];
        Array.TrueForAll(views, one => !one.IsDisposed && one.TryRead(0, out byte _)).ShouldBeTrue();

        new[] { origin, middle, made }[closed].Dispose();
        foreach (GuestMemory one in views)
        {
            one.IsDisposed.ShouldBeTrue();
            one.TryRead(0, out byte _).ShouldBeFalse();
            one.TryWrite(0, 1).ShouldBeFalse();
            one.TryPin(0, 1, AccessType.Read, out _, out _).ShouldBeFalse();
        }

        outer.IsDisposed.ShouldBeFalse();
    }

    private static SparseBacking Committed(ulong pages)
    {
        var mapping = new SparseBacking(pages * Page);
        mapping.Commit(0, pages * Page);
        return mapping;
    }

    /// <summary>Answers every slice with one memory.</summary>
    private sealed class ForwardingBacking(ulong length, GuestMemory made) : GuestMemoryBacking
    {
        public override ulong Length => length;

        protected internal override BackingResult CreateSlice(ulong offset, ulong sliceLength, bool allowPreemptivePinning, out GuestMemory? slice)
        {
            slice = made;
            return BackingResult.Success;
        }
    }

    private sealed class OwnSliceBacking : GuestMemoryBacking
    {
        internal GuestMemory Special { get; } = GuestMemory.Allocate(Page);

        internal (ulong Offset, ulong Length, bool Locking) Asked { get; private set; }

        public override ulong Length => 4 * Page;

        protected internal override BackingResult CreateSlice(ulong offset, ulong length, bool allowPreemptivePinning, out GuestMemory? slice)
        {
            Asked = (offset, length, allowPreemptivePinning);
            slice = Special;
            return offset == 0 ? BackingResult.Fail(GuestMemoryFaultKind.NotPrivate, 3) : BackingResult.Success;
        }

        protected override void Release() => Special.Dispose();
    }

    [Fact]
    public void Not_one_byte_past_the_end()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 * 4096);
        memory.Slice(4096, 4096).End.ShouldBe(4096ul);
        GuestMemoryFault fault = Should.Throw<GuestMemoryException>(() => memory.Slice(4096, 4097)).Fault;
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address!.Value.ShouldBe((GuestAddress)8192);
    }
}
