using System.Runtime.CompilerServices;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Backing;

/// <summary>What a backing's disposal does, in which order, and what goes on although something throws.</summary>
public sealed unsafe class BackingDisposalTests
{
    [Fact]
    public void A_derived_class_is_finalized_after_it_was_disposed()
    {
        var finalized = new StrongBox<int>();
        for (int i = 0; i < 20; i++)
        {
            Make(finalized);
        }

        SelfProbe.CollectAll();
        finalized.Value.ShouldBeGreaterThanOrEqualTo(19, "the collector may see one more for a while");

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Make(StrongBox<int> finalized)
        {
            var backing = new FinalizedBacking(finalized);
            using var memory = new GuestMemory(backing, "ram");
            memory.Write(8, 1);
        }
    }

    [Fact]
    public void Nothing_is_released_before_every_memory_over_it_is_closed()
    {
        // The last use ends while the disposal is still telling the memories.
        for (int round = 0; round < 4; round++)
        {
            var backing = new CheckingBacking();
            GuestMemory[] memories = [.. Enumerable.Range(0, 50_000).Select(_ => new GuestMemory(backing, "shared"))];
            PinnedMemory use = memories[0].Pin(0, 8, AccessType.Read);
            backing.Last = memories[^1];
            var ender = new Thread(() =>
            {
                SpinWait.SpinUntil(() => backing.IsDisposed);
                use.Dispose();
            });
            ender.Start();
            backing.Dispose();
            ender.Join();
            backing.Releases.ShouldBe(1);
            backing.LastWasOpen.ShouldBeFalse();
            GC.KeepAlive(memories);
        }
    }

    [Fact]
    public void What_a_backing_throws_when_it_unlocks_keeps_no_other_lock()
    {
        var throwing = new ThrowingBacking();
        using var sparse = new SparseBacking(3 * 4096);
        sparse.Commit(0, 3 * 4096);
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, sparse).AddRegion(3 * 4096, throwing).Build();
        PinnedMemory locked = memory.Pin(0, 4 * 4096, AccessType.Write);
        Should.Throw<NotSupportedException>(locked.Dispose);
        Enumerable.Range(0, 3).ShouldAllBe(page => !sparse.IsPinned((ulong)page));
        sparse.Unmap(0, 3 * 4096);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_backing_that_throws_when_it_is_released_keeps_no_other_open(int place)
    {
        var refusing = new RefusingBacking();
        GuestMemoryBacking[] backings = [new HeapBacking(4096), new SparseBacking(4096), new SharedBacking(4096)];
        backings[place] = refusing;
        var builder = new GuestMemoryBuilder("three");
        for (int i = 0; i < backings.Length; i++)
        {
            builder.AddRegion((ulong)i << 20, backings[i]);
        }

        GuestMemory memory = builder.Build();
        Should.Throw<NotSupportedException>(memory.Dispose);
        backings.ShouldAllBe(backing => backing.IsDisposed);
        memory.Dispose();
        refusing.Releases.ShouldBe(1);
    }

    [Fact]
    public void Of_several_exceptions_the_first_comes_out()
    {
        RefusingBacking[] backings = [new(), new() { Exception = new InvalidDataException() }];
        GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, backings[0]).AddRegion(1 << 20, backings[1]).Build();
        Should.Throw<NotSupportedException>(memory.Dispose);
        backings.ShouldAllBe(backing => backing.Releases == 1);
    }

    [Fact]
    public void Addresses_are_given_back_although_the_release_throws()
    {
        var asked = new RefusingBacking();
        Should.Throw<NotSupportedException>(asked.DisposeAndUnmap);
        asked.AddressReleases.ShouldBe(1);

        // By the last lock, after it was asked for.
        var locked = new RefusingBacking();
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, locked).LeaveBackingsOpen().Build();
        PinnedMemory pages = memory.Pin(0, 8, AccessType.Read);
        memory.Dispose();
        locked.DisposeAndUnmap();
        Should.Throw<NotSupportedException>(pages.Dispose);
        locked.AddressReleases.ShouldBe(1);
    }

    [Theory]
    [InlineData("handler")]
    [InlineData("fallback")]
    [InlineData("slice")]
    public void What_the_last_use_throws_is_the_fault_of_the_call_that_was_under_way(string call)
    {
        var backing = new RefusingBacking(hasMapping: call == "handler");
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        backing.DisposesItself = true;
        GuestMemory? view = null;
        bool done = call == "slice"
            ? memory.TrySlice(16, 32, false, out view, out GuestMemoryFault fault)
            : memory.TryRead(16, out ulong _, out fault);
        done.ShouldBeFalse();
        view.ShouldBeNull();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Other);
        fault.Cause.ShouldBe(FaultCause.Exception);
        fault.Exception.ShouldBe(backing.Exception);
        backing.Releases.ShouldBe(1);
    }

    [Fact]
    public void An_interrupt_does_not_end_a_disposal_half_way()
    {
        using GuestMemory root = GuestMemory.Allocate(4 * 4096);
        GuestMemory view = root.Slice(4096, 8192);
        GuestMemory[] inner = [.. Enumerable.Range(0, 3).Select(i => view.Slice((ulong)i * 64, 64))];
        InterruptWhileWaiting(ListLock(SlicesOf(view)!), view.Dispose);
        inner.ShouldAllBe(one => one.IsDisposed);

        GuestMemoryBacking[] backings = [new HeapBacking(4096), new SparseBacking(4096)];
        GuestMemory open = new GuestMemoryBuilder("open").AddRegion(0, backings[0]).AddRegion(4096, backings[1]).LeaveBackingsOpen().Build();
        InterruptWhileWaiting(AttachLock(backings[0]), open.Dispose);
        backings.ShouldAllBe(backing => !backing.HasLiveAttachments);

        GuestMemory owning = new GuestMemoryBuilder("owning").AddRegion(0, backings[0]).AddRegion(4096, backings[1]).Build();
        InterruptWhileWaiting(AttachLock(backings[0]), owning.Dispose);
        backings.ShouldAllBe(backing => backing.IsDisposed);
    }

    [Fact]
    public void An_interrupt_does_not_keep_translated_memory_open()
    {
        using GuestMemory target = GuestMemory.Allocate(4096);
        var translated = new TranslatedMemory(target, new Tests.Translation.PageMap(), "dma");
        GuestMemory slice = translated.Memory.Slice(0, 64).Slice(8, 8);
        InterruptWhileWaiting(ChangingLock(translated), translated.Dispose);
        translated.Memory.IsDisposed.ShouldBeTrue();
        slice.IsDisposed.ShouldBeTrue();
    }

    [Fact]
    public void An_interrupt_does_not_keep_a_dirty_log_in_a_backing()
    {
        using var backing = new HeapBacking(4096);
        using var memory = new GuestMemory(backing, "ram", leaveOpen: true);
        using var log = new DirtyLog(memory);
        log.Start();
        InterruptWhileWaiting(ReadersLock(backing.SoleLog!), log.Stop);
        log.IsStarted.ShouldBeFalse();
        backing.Trackers.ShouldBeNull();
    }

    /// <summary>What stayed noted would keep its pages from being given back for good.</summary>
    [LinuxFact]
    public void An_interrupt_does_not_leave_pages_pinned()
    {
        using var ram = new SharedBacking(16 * 4096, new SharedBackingOptions { IsDiscardable = true });
        using var memory = new GuestMemory(ram, "ram", leaveOpen: true);
        PinnedMemory pin = memory.Pin(4096, 4096);
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(pin.Dispose));
        ram.HoldDiscards();
        thread.Start();
        SpinWait.SpinUntil(() => thread.ThreadState == ThreadState.WaitSleepJoin);
        thread.Interrupt();
        Thread.Sleep(20);
        ram.LetDiscard();
        thread.Join();
        thrown.ShouldBeNull();
        ram.TryDiscard(0, 16 * 4096, out _).ShouldBeTrue();
    }

    [Fact]
    public void An_interrupt_does_not_come_out_of_the_making_of_a_view()
    {
        using GuestMemory root = GuestMemory.Allocate(4 * 4096);
        GuestMemory view = root.Slice(4096, 8192);
        GuestMemory? inner = view.Slice(0, 8);
        InterruptWhileWaiting(ListLock(SlicesOf(view)!), () => view.TrySlice(8, 8, false, out inner, out _).ShouldBeTrue());
        view.Dispose();
        inner!.IsDisposed.ShouldBeTrue();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_attachLock")]
    private static extern ref readonly Lock AttachLock(GuestMemoryBacking backing);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_changing")]
    private static extern ref readonly Lock ChangingLock(TranslatedMemory memory);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_lock")]
    private static extern ref readonly Lock ReadersLock(BackingDirtyLog log);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_slices")]
    private static extern ref SliceList? SlicesOf(GuestMemory memory);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_lock")]
    private static extern ref readonly Lock ListLock(SliceList list);

    /// <summary>Does something on a thread that is interrupted while it waits for a lock.</summary>
    private static void InterruptWhileWaiting(Lock held, Action action)
    {
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(action));
        lock (held)
        {
            thread.Start();
            SpinWait.SpinUntil(() => thread.ThreadState == ThreadState.WaitSleepJoin);
            thread.Interrupt();
            Thread.Sleep(20);
        }

        thread.Join();
        thrown.ShouldBeNull();
    }

    private sealed class ThrowingBacking : GuestMemoryBacking
    {
        private readonly HeapBacking _heap = new(4096);

        public override ulong Length => 4096;

        public override byte* Mapping => _heap.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            unpinRequired = true;
            return BackingResult.Success;
        }

        protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers) => throw new NotSupportedException();

        protected override void Release() => _heap.Dispose();
    }

    /// <summary>Its release throws; if it has been asked to, it disposes itself within the next call of one of its methods.</summary>
    private sealed class RefusingBacking(bool hasMapping = true) : GuestMemoryBacking
    {
        private readonly SparseBacking _mapping = new(4096);

        internal Exception Exception { get; init; } = new NotSupportedException();

        internal bool DisposesItself { get; set; }

        internal int Releases { get; private set; }

        internal int AddressReleases { get; private set; }

        public override ulong Length => 4096;

        public override byte* Mapping => hasMapping ? _mapping.Mapping : null;

        protected internal override PageFaultAction OnPageFault(in PageFault fault)
        {
            DisposeIfAsked();
            _mapping.Commit(0, 4096);
            return PageFaultAction.Retry;
        }

        protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            DisposeIfAsked();
            return BackingResult.Success;
        }

        protected internal override BackingResult CreateSlice(ulong offset, ulong length, bool allowPreemptivePinning, out GuestMemory? slice)
        {
            DisposeIfAsked();
            slice = null;
            return BackingResult.Success;
        }

        protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
        {
            _mapping.Commit(0, 4096);
            unpinRequired = false;
            return BackingResult.Success;
        }

        protected override void Release()
        {
            Releases++;
            throw Exception;
        }

        protected override void ReleaseAddresses() => AddressReleases++;

        private void DisposeIfAsked()
        {
            if (DisposesItself)
            {
                Dispose();
            }
        }
    }

    private sealed class FinalizedBacking(StrongBox<int> finalized) : GuestMemoryBacking
    {
        private readonly HeapBacking _heap = new(4096);

        ~FinalizedBacking() => Interlocked.Increment(ref finalized.Value);

        public override ulong Length => 4096;

        public override byte* Mapping => _heap.Mapping;

        protected override void Release() => _heap.Dispose();
    }

    private sealed class CheckingBacking : GuestMemoryBacking
    {
        private readonly HeapBacking _heap = new(4096);

        internal GuestMemory? Last { get; set; }

        internal bool LastWasOpen { get; private set; }

        internal int Releases { get; private set; }

        public override ulong Length => 4096;

        public override byte* Mapping => _heap.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        protected override void Release()
        {
            Releases++;
            LastWasOpen = Last!.TryRead(0, out ulong _);
            _heap.Dispose();
        }
    }
}
