using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests;

/// <summary>Locks: what they prevent, what they hand out, and that failing ones leave nothing behind.</summary>
public class PinTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_holds_a_backing_finds_pages_that_are_pinned_by_number(bool isHeldLater)
    {
        using var backing = new HeapBacking(16 * 4096);
        using GuestMemory memory = new(backing, "held", leaveOpen: true);
        using PinnedMemory? before = isHeldLater ? memory.PinPages([1], AccessType.Read) : null;
        using BackingHold hold = backing.Hold();
        PinnedMemory pinned = memory.PinPages([5, 3, 4, 9], AccessType.Write);
        pinned.Count.ShouldBe(4);
        hold.TryFindPinned(0, 16 * 4096, out ulong found).ShouldBeTrue();
        found.ShouldBe(3UL * 4096);
        hold.TryFindPinned(6 * 4096, 10 * 4096, out found).ShouldBeTrue();
        found.ShouldBe(9UL * 4096);
        hold.TryFindPinned(6 * 4096, 3 * 4096, out _).ShouldBeFalse();
        pinned.Dispose();
        hold.TryFindPinned(0, 16 * 4096, out _).ShouldBeFalse();
    }

    [Fact]
    public void Pinned_pages_refuse_unmap_protect_decommit()
    {
        ulong unit = SelfProbe.Page;
        SparseBacking mapping = Committed(8 * SelfProbe.GuestPages);
        using GuestMemory memory = new(mapping, "ram");
        PinnedMemory locked = memory.PinPages(SelfProbe.FirstIn(2, 5, 2), AccessType.Write);
        locked.Count.ShouldBe(3);
        locked.Length.ShouldBe(3 * Page);
        Should.Throw<InvalidOperationException>(() => mapping.Unmap(2 * unit, unit)).Message.ShouldContain($"page {2 * SelfProbe.GuestPages} ");
        Should.Throw<InvalidOperationException>(() => mapping.Decommit(0, 8 * unit));
        Should.Throw<InvalidOperationException>(() => mapping.Protect(5 * unit, unit, Protection.Read));
        mapping.Decommit(3 * unit, unit);
        locked.Dispose();
        locked.Dispose();
        mapping.Unmap(0, 8 * unit);
        memory.TryRead(2 * unit, out byte _).ShouldBeFalse();
    }

    [Fact]
    public void Pieces_of_pins_that_are_held_at_once_are_their_own()
    {
        using GuestMemory memory = GuestMemory.Allocate(256 * Page);
        var held = new List<(PinnedMemory Pin, ulong First, int Count)>();
        var random = new Random(5);
        for (int i = 0; i < 2000; i++)
        {
            if (held.Count == 6)
            {
                int which = random.Next(held.Count);
                held[which].Pin.Dispose();
                held.RemoveAt(which);
            }

            ulong first = (ulong)random.Next(100);
            int count = random.Next(10) == 0 ? random.Next(65, 150) : random.Next(1, 20);
            held.Add(random.Next(2) == 0
                ? (memory.PinPages([.. Enumerable.Range(0, count).Select(page => first + (ulong)page)], AccessType.Write), first, count)
                : (memory.Pin(first * Page, (ulong)count * Page, AccessType.Write), first, 1));
            foreach ((PinnedMemory pin, ulong start, int pieces) in held)
            {
                pin.Vectors.Length.ShouldBe(pieces);
                pin.Count.ShouldBe(pieces);
                for (int piece = 0; piece < pieces; piece++)
                {
                    AddressOf(pin, piece).ShouldBe(AddressIn(memory, (start + (ulong)piece) * Page));
                }
            }
        }

        held.ForEach(pin => pin.Pin.Dispose());

        static unsafe nuint AddressOf(PinnedMemory pin, int piece) => (nuint)pin.Vectors[piece].Address;
        static unsafe nuint AddressIn(GuestMemory memory, ulong address) => memory.TryGetMapping(address, out byte* mapping, out _) ? (nuint)mapping : 0;
    }

    [Fact]
    public void When_the_nth_page_fails_the_first_ones_are_undone()
    {
        ulong unit = SelfProbe.Page;
        ulong hole = 6 * SelfProbe.GuestPages, end = 8 * SelfProbe.GuestPages;
        SparseBacking mapping = Committed(end);
        mapping.Decommit(6 * unit, unit);
        using GuestMemory memory = new(mapping, "ram");
        memory.TryPinPages([1, 2, hole], AccessType.Read, out PinnedMemory? none, out GuestMemoryFault fault).ShouldBeFalse();
        none.ShouldBeNull();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 6 * unit);
        fault.Operation.ShouldBe(GuestMemoryOperation.Pin);
        fault.HasRange.ShouldBeFalse();
        mapping.IsPinned(1).ShouldBeFalse();
        memory.TryPinPages([1, end + 1], AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, (end + 1) * Page);
        memory.TryPinPages([1, ulong.MaxValue], AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        memory.TryPin(0, 8 * unit, AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 6 * unit);
        for (ulong page = 0; page < end; page++)
        {
            mapping.IsPinned(page).ShouldBeFalse();
        }
    }

    [Fact]
    public void Pins_reach_the_backing_through_slices_and_regions()
    {
        SparseBacking low = Committed(4);
        SparseBacking high = Committed(4);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, low).AddRegion(4 * Page, high).Build();
        GuestMemory view = memory.Slice(Page, 6 * Page).Slice(Page, 4 * Page);
        using (view.PinPages([1, 2], AccessType.Write))
        {
            low.IsPinned(3).ShouldBeTrue();
            high.IsPinned(0).ShouldBeTrue();
            low.IsPinned(2).ShouldBeFalse();
        }

        low.IsPinned(3).ShouldBeFalse();
        using (PinnedMemory range = view.Pin(100, 3 * Page, AccessType.Read))
        {
            range.Count.ShouldBe(2, "two mappings");
            low.IsPinned(2).ShouldBeTrue();
            high.IsPinned(1).ShouldBeTrue();
            high.IsPinned(2).ShouldBeFalse();
        }

        high.IsPinned(1).ShouldBeFalse();
    }

    [Fact]
    public void Pages_of_an_unaligned_slice_pin_both_pages_below()
    {
        SparseBacking mapping = Committed(4);
        using GuestMemory memory = new(mapping, "ram");
        GuestMemory view = memory.Slice(100, 2 * Page);
        using PinnedMemory locked = view.PinPages([0], AccessType.Write);
        mapping.IsPinned(0).ShouldBeTrue();
        mapping.IsPinned(1).ShouldBeTrue();
        mapping.IsPinned(2).ShouldBeFalse();
        memory.Write(100, (byte)42);
        locked.ReadOnlyPieces[0].Span[0].ShouldBe((byte)42);
    }

    [Fact]
    public void Pins_take_an_access_type_and_probe_for_it()
    {
        ulong unit = SelfProbe.Page;
        SparseBacking mapping = Committed(4 * SelfProbe.GuestPages);
        mapping.Protect(unit, unit, Protection.Read);
        using GuestMemory memory = new(mapping, "ram");
        memory.PinPages(SelfProbe.FirstIn(1), AccessType.Read).Dispose();
        memory.TryPinPages(SelfProbe.FirstIn(1), AccessType.Write, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, unit);
    }

    [Fact]
    public void A_pin_keeps_its_memory_alive()
    {
        var heap = new HeapBacking(2 * Page);
        var memory = new GuestMemory(heap, "ram");
        memory.Write(5, (byte)77);
        PinnedMemory locked = memory.PinPages([0], AccessType.Read);
        memory.Dispose();
        memory.TryRead(5, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        locked.ReadOnlyPieces[0].Span[5].ShouldBe((byte)77, "the release waits for the lock");
        Should.Throw<GuestMemoryException>(() => memory.PinPages([0], AccessType.Read)).Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        ReadOnlyMemory<byte> piece = locked.ReadOnlyPieces[0];
        locked.Dispose();
        Should.Throw<ObjectDisposedException>(() => piece.Span[0]);
        Should.Throw<ObjectDisposedException>(() => piece.Pin());
        Should.Throw<ObjectDisposedException>(() => locked.ReadOnlyPieces);
    }

    [Fact]
    public void A_pinned_piece_keeps_the_pages_pinned()
    {
        SparseBacking mapping = Committed(2);
        using GuestMemory memory = new(mapping, "ram");
        PinnedMemory locked = memory.PinPages([0], AccessType.Write);
        System.Buffers.MemoryHandle pin = locked.ReadOnlyPieces[0].Pin();
        locked.Dispose();
        mapping.IsPinned(0).ShouldBeTrue();
        pin.Dispose();
        mapping.IsPinned(0).ShouldBeFalse();
    }

    [Fact]
    public void Writable_pieces_are_handed_out_only_by_pins_for_writing()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(2 * Page), protection: Protection.Read)
            .AddRegion(2 * Page, new HeapBacking(2 * Page))
            .Build();
        using (PinnedMemory reading = memory.Pin(Page + 8, 2 * Page, AccessType.Read))
        {
            reading.ReadOnlyPieces[0].Span[0].ShouldBe((byte)0);
            Should.Throw<InvalidOperationException>(() => reading.Pieces).Message.ShouldContain("pinned for reading");
        }

        using (PinnedMemory writing = memory.PinPages([3], AccessType.Write))
        {
            writing.Pieces[0].Span[7] = 9;
            writing.ReadOnlyPieces[0].Span[7].ShouldBe((byte)9);
        }

        memory.Read<byte>((3 * Page) + 7).ShouldBe((byte)9);
    }

    [Fact]
    public void A_pin_refused_while_the_pin_is_released_releases_nothing()
    {
        var low = new CountingBacking();
        var high = new CountingBacking();
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, low).AddRegion(Page, high).Build();
        PinnedMemory locked = memory.PinPages([0, 1], AccessType.Read);
        ReadOnlyMemory<byte> piece = locked.ReadOnlyPieces[0];
        int unlockedMeanwhile = -1;
        high.Unlocking = () =>
        {
            Should.Throw<ObjectDisposedException>(() => piece.Pin());
            unlockedMeanwhile = low.Unlocked;
        };
        locked.Dispose();
        unlockedMeanwhile.ShouldBe(0, "the release under way is the only one");
        low.Unlocked.ShouldBe(1);
        high.Unlocked.ShouldBe(1);
    }

    [Fact]
    public void A_pin_that_ends_twice_takes_no_other_pin_with_it()
    {
        var backing = new CountingBacking();
        using GuestMemory memory = new(backing, "counted");
        PinnedMemory locked = memory.PinPages([0], AccessType.Write);
        System.Buffers.MemoryHandle pin = locked.Pieces[0].Pin();
        System.Buffers.MemoryHandle copy = pin;
        pin.Dispose();
        Should.Throw<InvalidOperationException>(() => copy.Dispose());
        locked.IsDisposed.ShouldBeFalse();
        backing.Unlocked.ShouldBe(0);
        locked.Dispose();
        backing.Unlocked.ShouldBe(1);
    }

    [Fact]
    public void Forgotten_pins_unpin_their_pages()
    {
        SparseBacking mapping = Committed(8);
        using GuestMemory memory = new(mapping, "ram");
        Forget(memory);
        for (int i = 0; i < 10 && Enumerable.Range(0, 8).Any(page => mapping.IsPinned((ulong)page)); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Enumerable.Range(0, 8).ShouldAllBe(page => !mapping.IsPinned((ulong)page));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget(GuestMemory memory)
        {
            _ = memory.PinPages([0, 2], AccessType.Read);
            _ = memory.Pin(3 * Page, 2 * Page, AccessType.Write).ReadOnlyPieces[0].Pin();
            new GuestIoVectors(AccessType.Write).TryAdd(memory, 6 * Page, 2 * Page, out _).ShouldBeTrue();
        }
    }

    [Fact]
    public void Spans_are_handed_out_only_over_pages_that_cannot_vanish()
    {
        using GuestMemory heap = GuestMemory.Allocate(Page);
        using PinnedMemory onHeap = heap.PinPages([0], AccessType.Read);
        onHeap.AllowsSpans.ShouldBeTrue();
        using GuestMemory sparse = new(Committed(2), "ram");
        using PinnedMemory onSparse = sparse.PinPages([0], AccessType.Read);
        onSparse.AllowsSpans.ShouldBeTrue("its pages are private and cannot be unmapped while they are locked");

        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[4096]);
        using GuestMemory file = new(new FileBacking(temporary.Path), "file");
        using PinnedMemory onFile = file.PinPages([0], AccessType.Read);
        onFile.AllowsSpans.ShouldBeFalse();
        Should.Throw<InvalidOperationException>(() => onFile.ReadOnlyPieces[0].Span.Length).Message.ShouldContain("another process");
    }

    [Fact]
    public void Whether_memory_can_be_pinned_is_asked_first()
    {
        var refusing = new RefusingBacking();
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page)).AddRegion(Page, refusing).Build();
        memory.IsPinnable.ShouldBeFalse();
        memory.TryPinPages([0, 1], AccessType.Read, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotPinnable, Page);
        refusing.Asked.ShouldBe(0, "it has said so already");
        Should.Throw<GuestMemoryException>(() => memory.PinnableSlice(0, 2 * Page)).Kind.ShouldBe(GuestMemoryFaultKind.NotPinnable);
        memory.PinnableSlice(0, Page).IsPinnable.ShouldBeTrue();
    }

    [Fact]
    public void A_pin_exposes_the_addresses_first()
    {
        var exposing = new ExposingBacking();
        using GuestMemory memory = new(exposing, "ram");
        memory.Pin(10, 20, AccessType.Read).Dispose();
        exposing.Exposed.ShouldBe([(10UL, 20UL)]);
        memory.PinPages([0], AccessType.Read).Dispose();
        exposing.Exposed.ShouldBe([(10UL, 20UL), (0UL, Page)]);
        exposing.Refuse = true;
        memory.TryPin(10, 20, AccessType.Read, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotShared, 15);
        exposing.Locks.ShouldBe(0, "undone");
    }

    [Theory]
    [InlineData("region")]
    [InlineData("bitmap")]
    public void Pages_that_may_only_be_written_are_handed_out_for_the_kernel_to_write_to_and_cannot_be_read(string by)
    {
        using GuestMemory memory = by == "region"
            ? new GuestMemoryBuilder("ram")
                .AddRegion(0, new HeapBacking(2 * Page))
                .AddRegion(2 * Page, new HeapBacking(2 * Page), protection: new Protection(read: false, write: true, execute: false))
                .Build()
            : new GuestMemory(new MappedBacking(Committed(4), [0b0011], [0b1111]), "ram");
        memory.TryRead(2 * Page, out byte _).ShouldBeFalse();
        using (PinnedMemory pinned = memory.Pin(Page + 10, 2 * Page, AccessType.Write))
        {
            pinned.IsReadable.ShouldBeFalse();
            pinned.AllowsSpans.ShouldBeFalse();
            pinned.Vectors.Length.ShouldBe(by == "region" ? 2 : 1);
            Should.Throw<InvalidOperationException>(() => pinned.Pieces).Message.ShouldContain("not read");
            Should.Throw<InvalidOperationException>(() => pinned.ReadOnlyPieces);
        }

        using (PinnedMemory pinned = memory.PinPages([0, 3], AccessType.Write))
        {
            Should.Throw<InvalidOperationException>(() => pinned.Pieces);
        }

        using (PinnedMemory pinned = memory.Pin(0, 2 * Page, AccessType.Write))
        {
            pinned.IsReadable.ShouldBeTrue();
            pinned.Pieces[0].Length.ShouldBe((int)(2 * Page));
            pinned.ReadOnlyPieces.Count.ShouldBe(1);
        }

        memory.TryPin(Page + 10, 2 * Page, AccessType.Read, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(2 * Page));
    }

    [SkippableFact]
    public void Pieces_have_at_most_1_GiB()
    {
        Skip.IfNot(Environment.Is64BitProcess, "Needs 3 GiB of addresses.");
        const ulong Length = (5UL << 29) + 10;
        using GuestMemory memory = GuestMemory.Allocate(3UL << 30);
        using PinnedMemory pinned = memory.Pin(5, Length, AccessType.Write);
        pinned.Length.ShouldBe(Length);
        pinned.Count.ShouldBe(3);
        pinned.ReadOnlyPieces.Select(piece => piece.Length).ShouldBe([1 << 30, 1 << 30, (1 << 29) + 10]);
        pinned.Pieces[2].Span[^1] = 9;
        pinned.Pieces[1].Span[0] = 8;
        memory.Read<byte>(5 + Length - 1).ShouldBe((byte)9);
        memory.Read<byte>(5 + (1UL << 30)).ShouldBe((byte)8);
    }

    internal static SparseBacking Committed(ulong pages)
    {
        var mapping = new SparseBacking(pages * Page);
        mapping.Commit(0, pages * Page);
        return mapping;
    }

    private sealed class RefusingBacking() : MappedBacking(Committed(1))
    {
        internal int Asked { get; private set; }

        public override bool IsPinnable => false;

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            Asked++;
            return base.PinPages(pageNumbers, access, out unpinRequired);
        }
    }

    private sealed class ExposingBacking() : MappedBacking(Committed(1))
    {
        internal List<(ulong, ulong)> Exposed { get; } = [];

        internal bool Refuse { get; set; }

        internal int Locks { get; private set; }

        protected internal override BackingResult ExposeAddress(ulong offset, ulong length)
        {
            Exposed.Add((offset, length));
            return Refuse ? BackingResult.Fail(GuestMemoryFaultKind.NotShared, 15) : BackingResult.Success;
        }

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            Locks++;
            return base.PinPages(pageNumbers, access, out unpinRequired);
        }

        protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
        {
            Locks--;
            base.UnpinPages(pageNumbers);
        }
    }

    /// <summary>Counts its unlocks.</summary>
    private sealed class CountingBacking() : MappedBacking(Committed(1))
    {
        internal int Unlocked { get; private set; }

        internal Action? Unlocking { get; set; }

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            unpinRequired = true;
            return BackingResult.Success;
        }

        protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
        {
            Unlocked++;
            Unlocking?.Invoke();
        }
    }
}
