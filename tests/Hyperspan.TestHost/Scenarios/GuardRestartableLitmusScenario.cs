using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Writers write under a bit. Over and over the bit is cleared, the restartable sequences are flushed and the memory is recorded;
/// from then until the bit is set again it must not change. Arguments: rounds (fewer where they take long), the number of writers (more than processors makes
/// every round wait for the scheduler), then store, exchange or bytes (as built) or one of the controls that have to be caught:
/// unflushed (as built, but nobody flushes) and broken (bit, pause, plain store), which end when they are caught. Prints the violations; the exit code says
/// whether there were any.
/// </summary>
public sealed unsafe class GuardRestartableLitmusScenario : IScenario
{
    /// <summary>The exit code when the memory changed while it was restricted.</summary>
    public const int Violated = 10;

    // The cells writers write to, the bitmap, and what each writer has attempted: all in different cache lines.
    private const int CellsOffset = 0;
    private const int BitmapOffset = 1024;
    private const int AttemptsOffset = 2048;
    private const ulong Bit = 13;
    private const ulong StatusBitClear = 0x100;

    // Where a round waits for the scheduler, thousands would take minutes.
    private const int FewestRounds = 100;
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(30);

    private readonly byte[] _memory = GC.AllocateArray<byte>(4096, pinned: true);
    private volatile bool _done;
    private int _writers;

    public string Name => "guard-restartable-litmus";

    public int Run(string[] arguments)
    {
        var rounds = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        _writers = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        var mode = arguments[2];
        if (!Guard.SupportsRestartableSequences)
        {
            Console.WriteLine("no restartable sequences: " + Guard.Description);
            return ScenarioExit.Unavailable;
        }

        int violations;
        fixed (byte* memory = _memory)
        {
            byte* start = memory;
            var writers = new Thread[_writers];
            for (var i = 0; i < _writers; i++)
            {
                var index = i;
                writers[i] = new Thread(() => Write(start, index, mode));
                writers[i].Start();
            }

            violations = Restrict(start, rounds, isControl: mode is not ("store" or "exchange" or "bytes"));
            _done = true;
            Array.ForEach(writers, x => x.Join());
        }

        Console.WriteLine($"rounds<={rounds} violations={violations}");
        return violations == 0 ? ScenarioExit.Success : Violated;
    }

    private static ref ulong Cell(byte* memory, int writer) => ref *(ulong*)(memory + CellsOffset + (64 * writer));

    /// <summary>What a cell holds, the first and the last of its eight words in one.</summary>
    private static ulong StateOf(byte* memory, int writer)
    {
        ref ulong first = ref Cell(memory, writer);
        return Volatile.Read(ref first) ^ ulong.RotateLeft(Volatile.Read(ref Unsafe.Add(ref first, 7)), 32);
    }

    private static ref ulong Attempts(byte* memory, int writer) => ref *(ulong*)(memory + AttemptsOffset + (64 * writer));

    private int Restrict(byte* memory, int rounds, bool isControl)
    {
        ref var bits = ref memory[BitmapOffset + (Bit / 8)];
        const byte Mask = 1 << (int)(Bit % 8);
        var violations = 0;
        var recorded = new ulong[_writers];
        var clock = Stopwatch.StartNew();
        for (var round = 0; round < rounds && (round < FewestRounds || clock.Elapsed < Budget) && !(isControl && violations != 0); round++)
        {
            Volatile.Write(ref bits, Mask);

            // Everybody has written under the bit, so everybody is in the middle of it when it goes.
            for (var i = 0; i < _writers; i++)
            {
                var before = Volatile.Read(ref Cell(memory, i));
                SpinUntilChanged(ref Cell(memory, i), before, by: 1);
            }

            Volatile.Write(ref bits, 0);
            if (!isControl)
            {
                Guard.FlushRestartableSequences();
            }

            for (var i = 0; i < _writers; i++)
            {
                recorded[i] = StateOf(memory, i);
            }

            // Whatever was under way is over once every writer has begun and ended another attempt.
            for (var i = 0; i < _writers; i++)
            {
                SpinUntilChanged(ref Attempts(memory, i), Volatile.Read(ref Attempts(memory, i)), by: 2);
            }

            for (var i = 0; i < _writers; i++)
            {
                violations += StateOf(memory, i) != recorded[i] ? 1 : 0;
            }
        }

        return violations;
    }

    private static void SpinUntilChanged(ref ulong location, ulong before, ulong by)
    {
        // Writers may be more than processors, so this one steps aside.
        var spin = default(SpinWait);
        while (Volatile.Read(ref location) - before < by)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Write(byte* memory, int writer, string mode)
    {
        byte* bitmap = memory + BitmapOffset;
        ref var cell = ref Cell(memory, writer);
        ref var attempts = ref Attempts(memory, writer);
        byte* p = memory + CellsOffset + (64 * writer);
        ulong* words = stackalloc ulong[8];
        for (ulong value = 1; !_done; value++)
        {
            switch (mode)
            {
                case "store":
                case "unflushed":
                    Check(Guard.BitCheckedStore(p, value, bitmap, Bit, GuardEntry.Code));
                    break;
                case "exchange":
                    Check(Guard.BitCheckedCompareExchange(p, value, Volatile.Read(ref cell), bitmap, Bit, GuardEntry.Code));
                    break;
                case "bytes":
                    new Span<ulong>(words, 8).Fill(value);
                    Check(Guard.BitCheckedWrite(p, ref *(byte*)words, 64, bitmap, Bit, GuardEntry.Code + StubCode.BitCheckedWriteOffset));
                    break;
                default:
                    if ((Volatile.Read(ref bitmap[Bit / 8]) & (1 << (int)(Bit % 8))) != 0)
                    {
                        Thread.SpinWait(50);
                        Volatile.Write(ref cell, value);
                    }

                    break;
            }

            Volatile.Write(ref attempts, attempts + 1);
        }
    }

    private static void Check(GuardedResult result)
    {
        if (result.Status is not (0 or StatusBitClear))
        {
            throw new UnreachableException($"status {result.Status}");
        }
    }
}
