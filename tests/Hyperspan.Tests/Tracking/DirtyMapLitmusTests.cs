using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Tracking;

/// <summary>
/// A writer stores to a page and marks it, a taker takes the marks and copies the pages it finds. When both have ended and what is left is taken, the copy must be the page. A
/// taker that leaves out the barrier and a writer that marks before it stores must fail, or the test proves nothing.
/// </summary>
public sealed unsafe class DirtyMapLitmusTests : IDisposable
{
    private const int Line = 128;
    private const int JunkLines = 6;
    private const ulong Page = GuestAddress.PageSize;
    private static readonly TimeSpan SoundBudget = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BrokenBudget = TimeSpan.FromSeconds(5);

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc((2 + JunkLines) * Line, Line);
    private readonly DirtyMap _map = new(8 * Page);
    private long _copy;
    private long _turn;
    private long _done;
    private long _marked;
    private long _taken;

    public DirtyMapLitmusTests() => NativeMemory.Clear(_memory, (2 + JunkLines) * Line);

    private ref long Cell => ref *(long*)_memory;

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Fact]
    public void No_store_is_lost()
    {
        (long rounds, long lost) = Run(SoundBudget, markFirst: false, ProcessBarrier.Issue);
        rounds.ShouldBeGreaterThan(0);
        lost.ShouldBe(0);
    }

    [SkippableFact]
    public void Without_the_process_wide_barrier_the_test_fails()
    {
        Skip.IfNot(ProcessBarrier.IsAsymmetric, "Writers execute a fence on this processor, the taker needs no barrier.");
        (_, long lost) = Run(BrokenBudget, markFirst: false, Interlocked.MemoryBarrier);
        Skip.If(lost == 0, "Inconclusive: the taker without a barrier was not caught in its time.");
    }

    [Fact]
    public void With_the_mark_before_the_store_the_test_fails()
    {
        // The writer stands still between the two for as long as it takes.
        (_, long lost) = Run(BrokenBudget, markFirst: true, ProcessBarrier.Issue);
        lost.ShouldBeGreaterThan(0);
    }

    private (long Rounds, long Lost) Run(TimeSpan budget, bool markFirst, Action barrier)
    {
        var writer = new Thread(() => Write(markFirst)) { IsBackground = true };
        writer.Start();
        long lost = 0;
        long rounds = 0;
        long started = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < 50; i++)
            {
                // The page is marked already, for the store that is to come: its writer finds the mark, or finds it gone.
                _map.Mark(0, 1);
                rounds++;
                Volatile.Write(ref _turn, rounds);
                Work((int)(rounds & 127));
                var marking = default(SpinWait);
                while (markFirst && Volatile.Read(ref _marked) != rounds)
                {
                    marking.SpinOnce(sleep1Threshold: -1);
                }

                Take(barrier);
                Volatile.Write(ref _taken, rounds);
                var waiting = default(SpinWait);
                while (Volatile.Read(ref _done) != rounds)
                {
                    waiting.SpinOnce(sleep1Threshold: -1);
                }

                Take(ProcessBarrier.Issue);
                lost += _copy == rounds ? 0 : 1;
            }
        }
        while (Stopwatch.GetElapsedTime(started) < budget && lost == 0);

        Volatile.Write(ref _turn, -1);
        writer.Join(TimeSpan.FromMinutes(3)).ShouldBeTrue();
        return (rounds, lost);
    }

    private void Take(Action barrier)
    {
        Counter counter = default;
        _map.Take(ref counter);
        barrier();
        if (counter.Words != 0)
        {
            _copy = Volatile.Read(ref Cell);
        }
    }

    private void Write(bool markFirst)
    {
        for (long round = 1; ; round++)
        {
            long turn;
            var waiting = default(SpinWait);
            while ((turn = Volatile.Read(ref _turn)) != round)
            {
                if (turn < 0)
                {
                    return;
                }

                waiting.SpinOnce(sleep1Threshold: -1);
            }

            Work((int)(round * 7 & 127));

            // Stores that miss the cache, right before: the store to the page queues up behind them, and the look at the mark overtakes it.
            for (int i = 0; i < JunkLines; i++)
            {
                Volatile.Write(ref *(long*)(_memory + ((2 + i) * Line)), i);
            }

            if (markFirst)
            {
                _map.Mark(0, 1);
                Volatile.Write(ref _marked, round);
                while (Volatile.Read(ref _taken) != round)
                {
                    waiting.SpinOnce(sleep1Threshold: -1);
                }

                Volatile.Write(ref Cell, round);
            }
            else
            {
                Volatile.Write(ref Cell, round);
                _map.Mark(0, 1);
            }

            Volatile.Write(ref _done, round);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Work(int amount)
    {
        ulong value = (ulong)amount + 3;
        for (int i = 0; i < amount; i++)
        {
            value = (value * 6364136223846793005) + (value >> 7);
        }

        Volatile.Read(ref value);
    }

    private struct Counter : IDirtyWords
    {
        internal int Words { get; private set; }

        public void Add(ulong word, ulong bits) => Words++;
    }
}
