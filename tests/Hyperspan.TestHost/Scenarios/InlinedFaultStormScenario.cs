using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Values read and written inline in guarded memory, every other page of which is missing, on four threads, while the collector runs all the time: the guarded calls of
/// the inlined paths have no transition and no poll, so collections have to wait for them and find the stacks in order.
/// </summary>
public sealed class InlinedFaultStormScenario : IScenario
{
    private const ulong Pages = 16;
    private const int Accesses = 20_000;

    public string Name => "inlined-fault-storm";

    public int Run(string[] arguments)
    {
        using var sparse = new SparseBacking(Pages * 4096);
        for (ulong page = 0; page < Pages; page += 2)
        {
            sparse.Commit(page * 4096, 4096);
        }

        using var memory = new GuestMemory(sparse, "storm");
        int wrong = 0;
        int running = 4;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            ulong own = (ulong)number * 64;
            for (ulong i = 0; i < Accesses; i++)
            {
                ulong page = i % Pages;
                bool there = page % 2 == 0;
                object kept = new ulong[4];
                bool written = memory.TryWrite((page * 4096) + own, i);
                bool read = memory.TryRead((page * 4096) + own, out ulong value);
                if (written != there || read != there || value != (there ? i : 0) || ((ulong[])kept).Length != 4)
                {
                    Interlocked.Increment(ref wrong);
                }
            }

            Interlocked.Decrement(ref running);
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        var collections = new Collections();
        while (Volatile.Read(ref running) > 0)
        {
            collections.Collect();
        }

        Console.WriteLine($"collections={collections.Count} wrong={wrong}");
        return wrong == 0 && collections.Count > 0 ? ScenarioExit.Success : ScenarioExit.Failure;
    }
}
