using System.Runtime.CompilerServices;

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
            using var memory = new GuestMemory("ram", backing);
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
            GuestMemory[] memories = [.. Enumerable.Range(0, 50_000).Select(_ => new GuestMemory("shared", backing))];
            LockedMemory use = memories[0].LockRange(0, 8, AccessType.Read, kernelAccess: false);
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
        using var sparse = new SparseMapping(3 * 4096);
        sparse.Commit(0, 3 * 4096);
        using GuestMemory memory = new GuestMemoryBuilder("two").Add(0, sparse).Add(3 * 4096, throwing).Build();
        LockedMemory locked = memory.LockRange(0, 4 * 4096, AccessType.Write, kernelAccess: false);
        Should.Throw<NotSupportedException>(locked.Dispose);
        Enumerable.Range(0, 3).ShouldAllBe(page => !sparse.IsLocked((ulong)page));
        sparse.Unmap(0, 3 * 4096);
    }

    private sealed class ThrowingBacking : GuestMemoryBacking
    {
        private readonly HeapMemory _heap = new(4096);

        public override ulong Length => 4096;

        public override byte* Mapping => _heap.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired)
        {
            unlockRequired = true;
            return BackingResult.Success;
        }

        protected internal override void UnlockPages(ReadOnlySpan<ulong> pageNumbers) => throw new NotSupportedException();

        protected override void Release() => _heap.Dispose();
    }

    private sealed class FinalizedBacking(StrongBox<int> finalized) : GuestMemoryBacking
    {
        private readonly HeapMemory _heap = new(4096);

        ~FinalizedBacking() => Interlocked.Increment(ref finalized.Value);

        public override ulong Length => 4096;

        public override byte* Mapping => _heap.Mapping;

        protected override void Release() => _heap.Dispose();
    }

    private sealed class CheckingBacking : GuestMemoryBacking
    {
        private readonly HeapMemory _heap = new(4096);

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
