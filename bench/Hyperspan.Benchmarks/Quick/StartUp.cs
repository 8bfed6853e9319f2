using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>How long the first memory of a process and the first read through it take, with all that is compiled and installed on the way.</summary>
internal static class StartUp
{
    internal const string Argument = "--first";

    private const int Starts = 9;

    /// <summary>The median over some new processes, in nanoseconds.</summary>
    internal static double Measure(bool guarded)
    {
        double[] times = new double[Starts];
        for (int i = 0; i < Starts; i++)
        {
            times[i] = double.Parse(QuickRow.RunChild([Argument, guarded ? "guarded" : "heap"]), CultureInfo.InvariantCulture);
        }

        Array.Sort(times);
        return times[Starts / 2];
    }

    /// <summary>The child's side.</summary>
    internal static void Run(string kind)
    {
        long start = Stopwatch.GetTimestamp();
        ulong value = kind == "heap" ? First(new HeapBacking(1 << 20)) : FirstGuarded(new SparseBacking(1 << 20));
        double taken = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        if (value != 0)
        {
            throw new InvalidOperationException("new memory is not zero");
        }

        Console.WriteLine(taken.ToString("R", CultureInfo.InvariantCulture));
    }

    private static ulong First(GuestMemoryBacking backing) => new GuestMemory(backing, "first").Read<ulong>(8);

    private static ulong FirstGuarded(SparseBacking backing)
    {
        backing.Commit(0, 4096);
        return First(backing);
    }
}
