using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

/// <summary>
/// A reader looks at a flag in a section and, if it is set, uses a cell; the writer clears the flag, synchronizes, poisons the
/// cell and gives it to somebody else. No reader may find anything but what the flag stood for. The same with a writer that leaves out the wait or the barrier must fail,
/// or the test proves nothing.
/// </summary>
[Collection(RcuTests.Name)]
[Trait("Category", "slow")]
public sealed unsafe class RcuLitmusTests : IDisposable
{
    private const int Line = 128;
    private const int JunkLines = 6;
    private const int FewestRounds = 100;
    private const long Poison = -1;
    private static readonly TimeSpan SoundBudget = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BrokenBudget = TimeSpan.FromSeconds(5);

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc((2 + JunkLines) * Line, Line);
    private readonly RcuDomain _domain = new("litmus");
    private bool _stop;
    private long _poisoned;
    private long _uses;

    public RcuLitmusTests() => NativeMemory.Clear(_memory, (2 + JunkLines) * Line);

    public enum Readers
    {
        Plain,
        GuestMemory,
        Nested,
        Quiescing,
        ShortLived,
    }

    private ref long Flag => ref *(long*)_memory;

    private ref long Cell => ref *(long*)(_memory + Line);

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Theory]
    [InlineData(Readers.Plain)]
    [InlineData(Readers.GuestMemory)]
    [InlineData(Readers.Nested)]
    [InlineData(Readers.Quiescing)]
    [InlineData(Readers.ShortLived)]
    public void No_reader_sees_the_poison(Readers readers)
    {
        RcuDomain domain = readers == Readers.GuestMemory ? RcuDomain.GuestMemory : _domain;
        long rounds = Run(readers, SoundBudget, () => domain.Synchronize());
        rounds.ShouldBeGreaterThan(FewestRounds);
        _uses.ShouldBeGreaterThan(0);
        _poisoned.ShouldBe(0);
    }

    [SkippableTheory]
    [InlineData(Readers.Plain)]
    [InlineData(Readers.GuestMemory)]
    [InlineData(Readers.Nested)]
    [InlineData(Readers.Quiescing)]
    [InlineData(Readers.ShortLived)]
    public void Without_waiting_the_test_fails(Readers readers)
    {
        Run(readers, BrokenBudget, ProcessBarrier.Issue);
        Skip.If(Volatile.Read(ref _poisoned) == 0, "Inconclusive: the writer that does not wait was not caught in its time.");
    }

    [SkippableFact]
    public void Without_the_process_wide_barrier_the_test_fails()
    {
        Skip.IfNot(ProcessBarrier.IsAsymmetric, "Readers execute a fence on this processor, the writer needs no barrier.");
        Run(Readers.Plain, BrokenBudget, () =>
        {
            Interlocked.MemoryBarrier();
            RcuGracePeriod period = RcuGracePeriod.Collect(_domain, RcuRegistry.Threads, RcuThread.Current, long.MaxValue - 1);
            while (!period.Poll())
            {
                Thread.SpinWait(1);
            }
        });
        Skip.If(Volatile.Read(ref _poisoned) == 0, "Inconclusive: the writer without a barrier was not caught in its time.");
    }

    private long Run(Readers kind, TimeSpan budget, Action synchronize)
    {
        var reader = new Thread(() => Read(kind)) { IsBackground = true };
        reader.Start();
        long rounds = 0;
        long started = Stopwatch.GetTimestamp();
        // The budget is what a test takes where the processors are there; it goes on for as long as one of both had hardly a turn.
        while ((Stopwatch.GetElapsedTime(started) < budget || IsStarved(rounds, started)) && Volatile.Read(ref _poisoned) == 0)
        {
            for (int i = 0; i < 50; i++, rounds++)
            {
                Volatile.Write(ref Cell, rounds + 1);
                Volatile.Write(ref Flag, rounds + 1);
                TakeJunkLines();
                if (rounds % 2 == 0)
                {
                    // Lets a reader come and, for all the writer knows, act on the flag for long.
                    WaitForAUse();
                }

                Work((int)(rounds & 63));
                Volatile.Write(ref Flag, 0);
                synchronize();
                Volatile.Write(ref Cell, Poison);
            }
        }

        Volatile.Write(ref _stop, true);
        reader.Join(RcuWorker.Patience).ShouldBeTrue();
        return rounds;
    }

    private bool IsStarved(long rounds, long started) =>
        (rounds <= FewestRounds || Volatile.Read(ref _uses) == 0) && Stopwatch.GetElapsedTime(started) < RcuWorker.Patience;

    private void WaitForAUse()
    {
        long before = Volatile.Read(ref _uses);
        for (int i = 0; i < 1000; i++)
        {
            if (Volatile.Read(ref _uses) != before)
            {
                return;
            }

            Thread.SpinWait(1);
        }

        // On one processor the reader runs while this thread does not: with the flag set, or it would only ever find it cleared.
        Thread.Yield();
    }

    private void Read(Readers kind)
    {
        for (int i = 0; !Volatile.Read(ref _stop); i++)
        {
            // Stores that miss the cache, right before entering: the store that says "in a section" queues up behind them,
            // and the look at the flag overtakes it. Without this the missing barrier would show rarely.
            TakeJunkLines();
            switch (kind)
            {
                case Readers.GuestMemory:
                    RcuSlot* slot = RcuReader.Enter();
                    Use(i);
                    RcuReader.Exit(slot);
                    break;
                case Readers.Nested:
                    using (_domain.Enter())
                    {
                        using (_domain.Enter())
                        {
                            Work(i & 7);
                        }

                        Use(i);
                    }

                    break;
                case Readers.ShortLived when i % 16 == 0:
                    var thread = new Thread(() => UseInSection(i));
                    thread.Start();
                    thread.Join();
                    break;
                default:
                    UseInSection(i);
                    if (kind == Readers.Quiescing)
                    {
                        _domain.Quiesce();
                    }

                    break;
            }
        }
    }

    private void UseInSection(int round)
    {
        using (_domain.Enter())
        {
            Use(round);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Use(int round)
    {
        long allowed = Volatile.Read(ref Flag);
        if (allowed == 0)
        {
            return;
        }

        // Mostly short, for the race with the barrier; now and then longer than a barrier takes, for the wait.
        long uses = _uses + 1;
        Volatile.Write(ref _uses, uses);
        Work(uses % 64 == 0 ? 20_000 : round & 127);
        if (Volatile.Read(ref Cell) != allowed)
        {
            Interlocked.Increment(ref _poisoned);
        }
    }

    private void TakeJunkLines()
    {
        for (int i = 0; i < JunkLines; i++)
        {
            Volatile.Write(ref *(long*)(_memory + ((2 + i) * Line)), i);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Work(int amount)
    {
        // Takes time that the processor can neither skip nor overlap with the stores around it.
        ulong value = (ulong)amount + 3;
        for (int i = 0; i < amount; i++)
        {
            value = (value * 6364136223846793005) + (value >> 7);
        }

        Volatile.Read(ref value);
    }
}
