using System.Diagnostics;
using System.Runtime;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Measures an operation against its baseline, in turns, in about a second.</summary>
/// <remarks>
/// Rounds are short and many: another program that takes the processor spoils a few of them, and the median does not see it. Which of the two comes
/// first changes from round to round.
/// </remarks>
internal sealed class QuickRunner
{
    private const int Rounds = 75;

    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(1.5);

    private ulong _consumed;

    /// <summary>Measures an operation and its baseline in this process.</summary>
    internal static QuickResult Measure(Operation operation)
    {
        using Kernel ours = operation.Ours();
        using Kernel raw = operation.Raw();
        var runner = new QuickRunner();
        QuickResult result = runner.Measure(operation, ours, raw);
        GC.KeepAlive(runner._consumed);
        return result;
    }

    private QuickResult Measure(Operation operation, Kernel ours, Kernel raw)
    {
        WarmUp(ours, raw);
        int oursRuns = Calibrate(ours);
        int rawRuns = Calibrate(raw);
        double[] oursTimes = new double[Rounds];
        double[] rawTimes = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            if ((round & 1) == 0)
            {
                oursTimes[round] = Time(ours, oursRuns);
                rawTimes[round] = Time(raw, rawRuns);
            }
            else
            {
                rawTimes[round] = Time(raw, rawRuns);
                oursTimes[round] = Time(ours, oursRuns);
            }
        }

        return new QuickResult(operation, Median(oursTimes), Median(rawTimes));
    }

    /// <summary>
    /// Lets the two become fully optimized: called often enough for the next tier, then left alone until the runtime has compiled it, and so on until
    /// a turn compiles nothing more. Four turns at least: calls are not counted before the first quiet time, and there is an instrumented tier in between.
    /// </summary>
    private void WarmUp(Kernel ours, Kernel raw)
    {
        for (int turn = 0; turn < 8; turn++)
        {
            long before = JitInfo.GetCompiledMethodCount();
            for (int i = 0; i < 40; i++)
            {
                Repeat(ours, 1);
                Repeat(raw, 1);
            }

            AwaitCompiler();
            if (turn >= 3 && JitInfo.GetCompiledMethodCount() == before)
            {
                break;
            }
        }

        var watch = Stopwatch.StartNew();
        while (watch.ElapsedMilliseconds < 15)
        {
            Repeat(ours, 1);
            Repeat(raw, 1);
        }
    }

    /// <summary>The runtime compiles once nothing new was called for 100 ms.</summary>
    private static void AwaitCompiler()
    {
        int quiet = 0;
        Thread.Sleep(110);
        for (int i = 0; i < 50 && quiet < 3; i++)
        {
            long before = JitInfo.GetCompiledMethodCount();
            Thread.Sleep(5);
            quiet = JitInfo.GetCompiledMethodCount() == before ? quiet + 1 : 0;
        }
    }

    private int Calibrate(Kernel kernel)
    {
        double best = double.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            best = Math.Min(best, Time(kernel, 1) * kernel.Count);
        }

        return (int)Math.Clamp(Slice.TotalNanoseconds / best, 1, 1_000_000);
    }

    /// <summary>Nanoseconds an operation.</summary>
    private double Time(Kernel kernel, int runs)
    {
        long ticks = Repeat(kernel, runs);
        return Stopwatch.GetElapsedTime(0, ticks).TotalNanoseconds / ((double)runs * kernel.Count);
    }

    private long Repeat(Kernel kernel, int runs)
    {
        long ticks = 0;
        if (kernel.NeedsPreparation)
        {
            for (int i = 0; i < runs; i++)
            {
                kernel.Prepare();
                long start = Stopwatch.GetTimestamp();
                _consumed += kernel.Run();
                ticks += Stopwatch.GetTimestamp() - start;
            }

            return ticks;
        }

        long from = Stopwatch.GetTimestamp();
        ulong sum = 0;
        for (int i = 0; i < runs; i++)
        {
            sum += kernel.Run();
        }

        ticks = Stopwatch.GetTimestamp() - from;
        _consumed += sum;
        return ticks;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
