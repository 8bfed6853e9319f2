using System.Globalization;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Everything at once: threads map, unmap, protect, decommit and truncate under threads that access, lock, stream and transfer to files, while garbage
/// is collected, exceptions are thrown elsewhere, a profiler's signals arrive and the memory is disposed and replaced at random. Every outcome is checked, and afterwards
/// nothing may have leaked. Argument: seconds.
/// </summary>
public sealed class MemoryStormScenario : IScenario
{
    // Less than a single world reserves.
    private const long Tolerance = (long)StormWorld.Reserved / 2;

    private volatile StormWorld? _world;
    private int _worlds;

    public string Name => "memory-storm";

    public int Run(string[] arguments)
    {
        // The first storm makes the runtime load what it keeps.
        string? failure = Storm(TimeSpan.FromSeconds(0.5), out string report);
        ProcessResources before = ProcessResources.Count();
        var duration = TimeSpan.FromSeconds(double.Parse(arguments[0], CultureInfo.InvariantCulture));
        failure ??= Storm(duration, out report);
        failure ??= ProcessResources.Count().LeakedSince(before, Tolerance);
        Console.WriteLine(report + " resources: " + before);
        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private string? Storm(TimeSpan duration, out string report)
    {
        var crew = new StormCrew();
        NextWorld();
        crew.StartCollector();
        crew.StartNullCatcher();
        ProfilingTimer.Start();
        var workers = new List<StormWorker>();
        for (int seed = 0; seed < 2; seed++)
        {
            workers.AddRange([new StormChanger(crew, seed), new StormAccessor(crew, seed), new StormLocker(crew, seed), new StormStreamer(crew, seed)]);
        }

        foreach (StormWorker worker in workers)
        {
            crew.Repeat(worker.Name, () => worker.Work(_world!));
        }

        // In a slow hour it lasts until there was enough of everything.
        var random = new Random(5);
        int first = _worlds;
        for (long end = Environment.TickCount64 + (long)duration.TotalMilliseconds; !crew.IsOver && (Environment.TickCount64 < end || !Enough());)
        {
            Thread.Sleep(random.Next(40));
            NextWorld();
        }

        string? failure = crew.Finish();
        ProfilingTimer.Stop();
        _world!.Dispose();
        _world = null;
        var counts = workers.GroupBy(x => x.Name, StringComparer.Ordinal).Select(x => $"{x.Key}={x.Sum(y => y.Done)} ({x.Sum(y => y.Refused)} refused)");
        report = $"{string.Join(' ', counts)} worlds={_worlds - first} collections={crew.Collections} nulls={crew.Nulls}";
        return failure;

        bool Enough() => workers.TrueForAll(x => x.Done >= 20 && x.Refused >= 20) && _worlds - first >= 5 && crew.Collections >= 20 && crew.Nulls >= 20;
    }

    /// <summary>Puts another world in place and disposes the one of the day, whoever uses it. Every other one has the timer's handler on the alternate stack.</summary>
    private void NextWorld()
    {
        StormWorld? old = _world;
        _worlds++;
        _world = new StormWorld((byte)(1 + (_worlds % 255)));
        _ = ProfilingTimer.TryHandle(onAlternateStack: _worlds % 2 == 0);
        old?.Dispose();
    }
}
