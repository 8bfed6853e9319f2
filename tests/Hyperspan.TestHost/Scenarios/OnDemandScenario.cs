using System.Globalization;
using Hyperspan.Snapshots;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Threads use memory that is restored on demand while garbage is collected all the time, pages fail at random and are prefetched: every byte is right, or a fault with its cause.
/// The arguments: the path of a snapshot whose pages hold their own numbers, and seconds.
/// </summary>
public sealed class OnDemandScenario : IScenario
{
    public string Name => "on-demand";

    public int Run(string[] arguments)
    {
        double seconds = double.Parse(arguments[1], CultureInfo.InvariantCulture);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(arguments[0]);
        var crew = new StormCrew();
        long faults = 0;
        long reads = 0;
        crew.StartCollector();
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(seconds);
        int round = 0;
        while (DateTime.UtcNow < end && !crew.IsOver)
        {
            OnDemandMemory lazy;
            try
            {
                var source = new FlakySource(snapshot, round);
                lazy = round % 2 == 0 ? OnDemandMemory.Create(source) : OnDemandMemory.Create(snapshot);
            }
            catch (PlatformNotSupportedException e)
            {
                crew.Finish();
                Console.WriteLine(e.Message);
                return ScenarioExit.Unavailable;
            }

            using (lazy)
            {
                Task prefetch = round % 3 == 0 ? lazy.PrefetchAsync() : Task.CompletedTask;
                Parallel.For(0, 4, thread =>
                {
                    var random = new Random((round * 10) + thread);
                    ulong pages = lazy.Memory.End / 4096;
                    for (int i = 0; i < 400; i++)
                    {
                        ulong page = (ulong)random.NextInt64((long)pages);
                        if (lazy.Memory.TryRead((page * 4096) + 8, out ulong value, out GuestMemoryFault fault))
                        {
                            Interlocked.Increment(ref reads);
                            if (value != (page % 3 == 0 ? 0 : page))
                            {
                                crew.Fail($"page {page} holds {value}");
                            }
                        }
                        else
                        {
                            Interlocked.Increment(ref faults);
                            if (fault.Exception is not IOException)
                            {
                                crew.Fail(fault.ToString());
                            }
                        }
                    }
                });
                try
                {
                    prefetch.Wait();
                }
                catch (AggregateException e) when (e.InnerException is IOException)
                {
                }
            }

            round++;
        }

        string? failure = crew.Finish();
        Console.WriteLine($"rounds={round} reads={reads} faults={faults}");
        if (failure is null && (reads == 0 || faults == 0))
        {
            failure = "nothing was read, or nothing failed";
        }

        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private sealed class FlakySource(GuestMemorySnapshot snapshot, int seed) : IPageSource
    {
        private int _reads = seed;

        public IReadOnlyList<SnapshotRegion> Regions => snapshot.Regions;

        public IEnumerable<GuestRange> GetStoredRanges() => snapshot.GetStoredRanges();

        public async ValueTask ReadPagesAsync(GuestAddress address, Memory<byte> destination, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _reads) % 5 == 0)
            {
                throw new IOException("the line is dead");
            }

            await Task.Yield();
            snapshot.Read(address, destination.Span);
        }
    }
}
