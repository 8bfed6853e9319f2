namespace Hyperspan.Tests;

/// <summary>Locks: what they prevent, what they hand out, and that failing ones leave nothing behind.</summary>
public class LockTests
{
    private const ulong Page = 4096;

    [Fact]
    public void Locked_pages_refuse_unmap_protect_decommit()
    {
        SparseMapping mapping = Committed(8);
        using GuestMemory memory = new("ram", mapping);
        LockedMemory locked = memory.LockPages([2, 5, 2], AccessType.Write);
        locked.Count.ShouldBe(3);
        locked.Length.ShouldBe(3 * Page);
        Should.Throw<InvalidOperationException>(() => mapping.Unmap(2 * Page, Page)).Message.ShouldContain("2");
        Should.Throw<InvalidOperationException>(() => mapping.Decommit(0, 8 * Page));
        Should.Throw<InvalidOperationException>(() => mapping.Protect(5 * Page, Page, Protection.Read));
        mapping.Decommit(3 * Page, Page);
        locked.Dispose();
        locked.Dispose();
        mapping.Unmap(0, 8 * Page);
        memory.TryRead(2 * Page, out byte _).ShouldBeFalse();
    }

    [Fact]
    public void When_the_nth_page_fails_the_first_ones_are_undone()
    {
        SparseMapping mapping = Committed(8);
        mapping.Decommit(6 * Page, Page);
        using GuestMemory memory = new("ram", mapping);
        memory.TryLockPages([1, 2, 6], AccessType.Read, kernelAccess: false, out LockedMemory? none, out GuestMemoryFault fault).ShouldBeFalse();
        none.ShouldBeNull();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotMapped, 6 * Page);
        fault.Operation.ShouldBe(GuestMemoryOperation.Lock);
        fault.HasRange.ShouldBeFalse();
        mapping.IsLocked(1).ShouldBeFalse();
        memory.TryLockPages([1, 9], AccessType.Read, kernelAccess: false, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 9 * Page);
        memory.TryLockPages([1, ulong.MaxValue], AccessType.Read, kernelAccess: false, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        memory.TryLockRange(0, 8 * Page, AccessType.Read, kernelAccess: false, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotMapped, 6 * Page);
        for (ulong page = 0; page < 8; page++)
        {
            mapping.IsLocked(page).ShouldBeFalse();
        }
    }

    [Fact]
    public void Locks_reach_the_backing_through_slices_and_regions()
    {
        SparseMapping low = Committed(4);
        SparseMapping high = Committed(4);
        using GuestMemory memory = new GuestMemoryBuilder("ram").Add(0, low).Add(4 * Page, high).Build();
        GuestMemory view = memory.Slice(Page, 6 * Page).Slice(Page, 4 * Page);
        using (view.LockPages([1, 2], AccessType.Write))
        {
            low.IsLocked(3).ShouldBeTrue();
            high.IsLocked(0).ShouldBeTrue();
            low.IsLocked(2).ShouldBeFalse();
        }

        low.IsLocked(3).ShouldBeFalse();
        using (LockedMemory range = view.LockRange(100, 3 * Page, AccessType.Read))
        {
            range.Count.ShouldBe(2, "two mappings");
            low.IsLocked(2).ShouldBeTrue();
            high.IsLocked(1).ShouldBeTrue();
            high.IsLocked(2).ShouldBeFalse();
        }

        high.IsLocked(1).ShouldBeFalse();
    }

    [Fact]
    public void Pages_of_an_unaligned_slice_lock_both_pages_below()
    {
        SparseMapping mapping = Committed(4);
        using GuestMemory memory = new("ram", mapping);
        GuestMemory view = memory.Slice(100, 2 * Page);
        using LockedMemory locked = view.LockPages([0], AccessType.Write);
        mapping.IsLocked(0).ShouldBeTrue();
        mapping.IsLocked(1).ShouldBeTrue();
        mapping.IsLocked(2).ShouldBeFalse();
        memory.Write(100, (byte)42);
        locked.Pieces[0].Span[0].ShouldBe((byte)42);
    }

    [Fact]
    public void Locks_take_an_access_type_and_probe_for_it()
    {
        SparseMapping mapping = Committed(4);
        mapping.Protect(Page, Page, Protection.Read);
        using GuestMemory memory = new("ram", mapping);
        memory.LockPages([1], AccessType.Read).Dispose();
        memory.TryLockPages([1], AccessType.Write, kernelAccess: false, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, Page);
    }

    [Fact]
    public void A_lock_keeps_its_memory_alive()
    {
        var heap = new HeapMemory(2 * Page);
        var memory = new GuestMemory("ram", heap);
        memory.Write(5, (byte)77);
        LockedMemory locked = memory.LockPages([0], AccessType.Read);
        memory.Dispose();
        memory.TryRead(5, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        locked.Pieces[0].Span[5].ShouldBe((byte)77, "the release waits for the lock");
        Should.Throw<GuestMemoryException>(() => memory.LockPages([0], AccessType.Read)).Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        ReadOnlyMemory<byte> piece = locked.Pieces[0];
        locked.Dispose();
        Should.Throw<ObjectDisposedException>(() => piece.Span[0]);
        Should.Throw<ObjectDisposedException>(() => piece.Pin());
        Should.Throw<ObjectDisposedException>(() => locked.Pieces);
    }

    [Fact]
    public void A_pinned_piece_keeps_the_pages_locked()
    {
        SparseMapping mapping = Committed(2);
        using GuestMemory memory = new("ram", mapping);
        LockedMemory locked = memory.LockPages([0], AccessType.Write);
        System.Buffers.MemoryHandle pin = locked.Pieces[0].Pin();
        locked.Dispose();
        mapping.IsLocked(0).ShouldBeTrue();
        pin.Dispose();
        mapping.IsLocked(0).ShouldBeFalse();
    }

    [Fact]
    public void Writable_pieces_are_handed_out_only_by_locks_for_writing()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .Add(0, new HeapMemory(2 * Page), protection: Protection.Read)
            .Add(2 * Page, new HeapMemory(2 * Page))
            .Build();
        using (LockedMemory reading = memory.LockRange(Page + 8, 2 * Page, AccessType.Read))
        {
            reading.Pieces[0].Span[0].ShouldBe((byte)0);
            Should.Throw<InvalidOperationException>(() => reading.WritablePieces).Message.ShouldContain("locked for reading");
        }

        using (LockedMemory writing = memory.LockPages([3], AccessType.Write))
        {
            writing.WritablePieces[0].Span[7] = 9;
            writing.Pieces[0].Span[7].ShouldBe((byte)9);
        }

        memory.Read<byte>((3 * Page) + 7).ShouldBe((byte)9);
    }

    [Fact]
    public void A_pin_refused_while_the_lock_is_released_releases_nothing()
    {
        var low = new CountingBacking();
        var high = new CountingBacking();
        using GuestMemory memory = new GuestMemoryBuilder("two").Add(0, low).Add(Page, high).Build();
        LockedMemory locked = memory.LockPages([0, 1], AccessType.Read);
        ReadOnlyMemory<byte> piece = locked.Pieces[0];
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
        using GuestMemory memory = new("counted", backing);
        LockedMemory locked = memory.LockPages([0], AccessType.Write);
        System.Buffers.MemoryHandle pin = locked.WritablePieces[0].Pin();
        System.Buffers.MemoryHandle copy = pin;
        pin.Dispose();
        Should.Throw<InvalidOperationException>(() => copy.Dispose());
        locked.IsDisposed.ShouldBeFalse();
        backing.Unlocked.ShouldBe(0);
        locked.Dispose();
        backing.Unlocked.ShouldBe(1);
    }

    [Fact]
    public void Forgotten_locks_unlock_their_pages()
    {
        SparseMapping mapping = Committed(8);
        using GuestMemory memory = new("ram", mapping);
        Forget(memory);
        for (int i = 0; i < 10 && Enumerable.Range(0, 8).Any(page => mapping.IsLocked((ulong)page)); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Enumerable.Range(0, 8).ShouldAllBe(page => !mapping.IsLocked((ulong)page));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget(GuestMemory memory)
        {
            _ = memory.LockPages([0, 2], AccessType.Read);
            _ = memory.LockRange(3 * Page, 2 * Page, AccessType.Write).Pieces[0].Pin();
            new GuestIoVectors(AccessType.Write).TryAdd(memory, 6 * Page, 2 * Page, out _).ShouldBeTrue();
        }
    }

    [Fact]
    public void Spans_are_handed_out_only_over_pages_that_cannot_vanish()
    {
        using GuestMemory heap = GuestMemory.Allocate(Page);
        using LockedMemory onHeap = heap.LockPages([0], AccessType.Read);
        onHeap.AllowsSpans.ShouldBeTrue();
        using GuestMemory sparse = new("ram", Committed(2));
        using LockedMemory onSparse = sparse.LockPages([0], AccessType.Read);
        onSparse.AllowsSpans.ShouldBeTrue("its pages are private and cannot be unmapped while they are locked");

        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[4096]);
        using GuestMemory file = new("file", FileMemory.Open(temporary.Path));
        using LockedMemory onFile = file.LockPages([0], AccessType.Read);
        onFile.AllowsSpans.ShouldBeFalse();
        Should.Throw<InvalidOperationException>(() => onFile.Pieces[0].Span.Length).Message.ShouldContain("another process");
    }

    [Fact]
    public void Whether_memory_can_be_locked_is_asked_first()
    {
        var refusing = new RefusingBacking();
        using GuestMemory memory = new GuestMemoryBuilder("ram").Add(0, new HeapMemory(Page)).Add(Page, refusing).Build();
        memory.IsLockable.ShouldBeFalse();
        memory.TryLockPages([0, 1], AccessType.Read, kernelAccess: true, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotLockable, Page);
        refusing.Asked.ShouldBe(0, "it has said so already");
        Should.Throw<GuestMemoryException>(() => memory.LockableSlice(0, 2 * Page)).Kind.ShouldBe(GuestMemoryFaultKind.NotLockable);
        memory.LockableSlice(0, Page).IsLockable.ShouldBeTrue();
    }

    [Fact]
    public void Kernel_access_exposes_the_addresses_first()
    {
        var exposing = new ExposingBacking();
        using GuestMemory memory = new("ram", exposing);
        memory.LockRange(10, 20, AccessType.Read, kernelAccess: false).Dispose();
        exposing.Exposed.ShouldBeEmpty();
        memory.LockRange(10, 20, AccessType.Read).Dispose();
        exposing.Exposed.ShouldBe([(10UL, 20UL)]);
        exposing.Refuse = true;
        memory.TryLockRange(10, 20, AccessType.Read, kernelAccess: true, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotShared, 15);
        exposing.Locks.ShouldBe(0, "undone");
    }

    internal static SparseMapping Committed(ulong pages)
    {
        var mapping = new SparseMapping(pages * Page);
        mapping.Commit(0, pages * Page);
        return mapping;
    }

    private sealed class RefusingBacking() : MappedBacking(Committed(1))
    {
        internal int Asked { get; private set; }

        public override bool IsLockable => false;

        protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired)
        {
            Asked++;
            return base.LockPages(pageNumbers, access, out unlockRequired);
        }
    }

    private sealed class ExposingBacking() : MappedBacking(Committed(1))
    {
        internal List<(ulong, ulong)> Exposed { get; } = [];

        internal bool Refuse { get; set; }

        internal int Locks { get; private set; }

        protected internal override BackingResult ExposeAddress(ulong address, ulong length)
        {
            Exposed.Add((address, length));
            return Refuse ? BackingResult.Fail(GuestMemoryFaultKind.NotShared, 15) : BackingResult.Success;
        }

        protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired)
        {
            Locks++;
            return base.LockPages(pageNumbers, access, out unlockRequired);
        }

        protected internal override void UnlockPages(ReadOnlySpan<ulong> pageNumbers)
        {
            Locks--;
            base.UnlockPages(pageNumbers);
        }
    }

    /// <summary>Counts its unlocks.</summary>
    private sealed class CountingBacking() : MappedBacking(Committed(1))
    {
        internal int Unlocked { get; private set; }

        internal Action? Unlocking { get; set; }

        protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired)
        {
            unlockRequired = true;
            return BackingResult.Success;
        }

        protected internal override void UnlockPages(ReadOnlySpan<ulong> pageNumbers)
        {
            Unlocked++;
            Unlocking?.Invoke();
        }
    }
}
