using System.Diagnostics;
using System.Runtime;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Measures an operation against its floors, in turns, in about a second.</summary>
/// <remarks>
/// Rounds are short and many: another program that takes the processor spoils a few of them, and the median does not see it. Which comes
/// first changes from round to round.
/// </remarks>
internal sealed class QuickRunner
{
    private const int Rounds = 75;
    private const int LeastRounds = 9;

    // What takes long has fewer rounds.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(0.5);

    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(1.5);

    private ulong _consumed;

    /// <summary>
    /// Measures an operation and its floors in this process: the operation's time, which floor was the fastest, the time of that one, and how far the rounds lie apart.
    /// </summary>
    internal static (double Nanoseconds, int Floor, double FloorNanoseconds, double Spread) Measure(Operation operation)
    {
        Kernel[] kernels = [operation.Ours(), .. operation.Floors.Select(static floor => floor.Make())];
        var runner = new QuickRunner();
        double[][] times = runner.Measure(kernels);
        GC.KeepAlive(runner._consumed);
        foreach (Kernel kernel in kernels)
        {
            kernel.Dispose();
        }

        int fastest = 1;
        for (int i = 2; i < times.Length; i++)
        {
            fastest = times[i][times[i].Length / 2] < times[fastest][times[fastest].Length / 2] ? i : fastest;
        }

        return (Median(times[0]), fastest - 1, Median(times[fastest]), Spread(times[0]) + Spread(times[fastest]));
    }

    /// <summary>Runs a kernel until it is fully optimized.</summary>
    internal static void Train(Kernel kernel)
    {
        var runner = new QuickRunner();
        runner.WarmUp([kernel]);
        GC.KeepAlive(runner._consumed);
        kernel.Dispose();
    }

    /// <summary>The times of the rounds of each, sorted. Which comes first changes from round to round.</summary>
    private double[][] Measure(Kernel[] kernels)
    {
        WarmUp(kernels);
        int[] runs = Array.ConvertAll(kernels, Calibrate);
        double longest = kernels.Zip(runs).Max(pair => Time(pair.First, pair.Second) * pair.First.Count * pair.Second);
        int rounds = (int)Math.Clamp(Longest.TotalNanoseconds / longest, LeastRounds, Rounds);
        double[][] times = Array.ConvertAll(kernels, _ => new double[rounds]);
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < kernels.Length; i++)
            {
                int which = (round + i) % kernels.Length;
                times[which][round] = Time(kernels[which], runs[which]);
            }
        }

        Array.ForEach(times, Array.Sort);
        return times;
    }

    /// <summary>
    /// Lets all become fully optimized: called often enough for the next tier, then left alone until the runtime has compiled it, and so on until
    /// a turn compiles nothing more. Four turns at least: calls are not counted before the first quiet time, and there is an instrumented tier in between.
    /// </summary>
    private void WarmUp(Kernel[] kernels)
    {
        for (int turn = 0; turn < 8; turn++)
        {
            long before = JitInfo.GetCompiledMethodCount();
            var turnWatch = Stopwatch.StartNew();
            for (int i = 0; i < 40 && turnWatch.ElapsedMilliseconds < 300; i++)
            {
                RepeatEach(kernels);
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
            RepeatEach(kernels);
        }
    }

    private void RepeatEach(Kernel[] kernels)
    {
        foreach (Kernel kernel in kernels)
        {
            Repeat(kernel, 1);
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

    private static double Median(double[] sorted) => sorted[sorted.Length / 2];

    private static double Spread(double[] sorted) => (sorted[sorted.Length * 3 / 4] - sorted[sorted.Length / 4]) / 2 / Median(sorted);
}
