using System.Diagnostics;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>How long a collection waits for a thread that does one long operation over and over: what cannot be stopped half way holds up everybody.</summary>
internal static class HoldUp
{
    private const ulong Length = 256UL << 20;
    private const int Collections = 200;

    private static readonly byte[] Pattern = [1, 2, 3, 4, 5, 6, 7, 9];

    /// <summary>Gets the operations.</summary>
    internal static IReadOnlyList<string> Names { get; } =
    [
        "nothing", "read", "write", "fill", "copy", "search", "probe_read", "probe_write",
        "guarded_read", "guarded_write", "guarded_fill", "guarded_copy", "guarded_search", "guarded_probe_read", "guarded_probe_write",
    ];

    /// <summary>The time that the collector needed to stop all threads: the 99th of a hundred, in nanoseconds.</summary>
    internal static double Measure(string name)
    {
        bool guarded = name.StartsWith("guarded_", StringComparison.Ordinal);
        using GuestMemory memory = guarded ? NewGuarded() : new GuestMemory(new HeapBacking(Length, new HeapBackingOptions { Prefault = true }), "long");
        Action action = Choose(guarded ? name["guarded_".Length..] : name, memory);
        action();
        bool stop = false;
        var worker = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                action();
            }
        });
        worker.Start();
        var times = new List<double>();
        for (int i = 0; i < Collections; i++)
        {
            Thread.Sleep(2);
            long start = Stopwatch.GetTimestamp();
            GC.Collect(0);
            times.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }

        Volatile.Write(ref stop, true);
        worker.Join();
        times.Sort();
        return times[Collections * 99 / 100];
    }

    private static GuestMemory NewGuarded()
    {
        var sparse = new SparseBacking(Length);
        sparse.Commit(0, Length);
        var memory = new GuestMemory(sparse, "long");
        memory.Clear(0, Length);
        return memory;
    }

    private static Action Choose(string name, GuestMemory memory)
    {
        switch (name)
        {
            case "nothing":
                // What the machine and the collector take by themselves.
                return () => Thread.SpinWait(100_000);
            case "read":
                byte[] into = new byte[Length];
                return () => memory.Read(0, into);
            case "write":
                byte[] from = new byte[Length];
                return () => memory.Write(0, from);
            case "fill":
                return () => memory.Fill(0, 3, Length);
            case "copy":
                return () => memory.CopyTo(0, memory, Length / 2, Length / 2);
            case "search":
                return () => memory.IndexOf(0, Length, Pattern);
            case "probe_read":
                return () => memory.Probe(0, Length, AccessType.Read);
            default:
                return () => memory.Probe(0, Length, AccessType.Write);
        }
    }
}
