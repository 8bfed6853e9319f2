using System.Runtime.CompilerServices;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Makes mappings until it is refused, in one of several ways. Afterwards the process must be able to go on: threads, garbage, new code; and so must the memory, as soon
/// as some are given back.
/// </summary>
public sealed class ManyMappingsScenario : IScenario
{
    private static readonly ulong Page = MemoryZoo.HostPage;

    public string Name => "many-mappings";

    public int Run(string[] arguments)
    {
        long most = HyperspanEnvironment.MaxMappings ?? 0;
        if (most is 0 or > 300_000)
        {
            Console.WriteLine($"vm.max_map_count leaves {most} mappings, too many to try");
            return ScenarioExit.Unavailable;
        }

        using var sparse = new SparseBacking((ulong)most * 4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, sparse).LeaveBackingsOpen().Build();
        using var file = new SharedBacking(Page);
        List<GuestMemoryBacking> many = [];
        Action<ulong> make = arguments[0] switch
        {
            "commit" => page => sparse.Commit(page * 2 * Page, Page),
            "zero" => page => sparse.MapZero(page * 2 * Page, Page),
            "file" => page => sparse.MapFile(page * 2 * Page, file.GetShareableRegions()[0].Handle, 0, Page, writable: true),
            "protect" => page => sparse.Protect(page * 2 * Page, Page, Protection.Read),
            "decommit" => page => sparse.Decommit(page * 2 * Page, Page),

            // The kernel joins neighbours, so they have gaps between them.
            "backings" => _ => many.Add(new HeapBacking(Page, new HeapBackingOptions { Alignment = 2 * Page })),
            _ => throw new ArgumentException($"no way '{arguments[0]}'", nameof(arguments)),
        };
        if (arguments[0] is "protect" or "decommit")
        {
            sparse.Commit(0, sparse.Length);
        }

        ulong made = 0;
        string refusal;
        while (true)
        {
            try
            {
                make(made);
                made++;
            }
            catch (GuestMemoryMappingException e)
            {
                refusal = e.Message;
                break;
            }
        }

        int lines = File.ReadLines("/proc/self/maps").Count();
        Console.WriteLine($"{made} made, {lines} mappings of {most}: {refusal}");
        if (!refusal.Contains("vm.max_map_count", StringComparison.Ordinal) || lines > most + 64 || lines < most / 2)
        {
            return ScenarioExit.Failure;
        }

        // What needs mappings of the runtime's own.
        Thread[] threads = [.. Enumerable.Range(0, 200).Select(_ => new Thread(() => Thread.Sleep(20)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        List<byte[]> garbage = [];
        for (int i = 0; i < 200; i++)
        {
            garbage.Add(new byte[1 << 20]);
        }

        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.KeepAlive(garbage);
        RuntimeHelpers.RunClassConstructor(typeof(System.Text.RegularExpressions.Regex).TypeHandle);
        _ = System.Text.RegularExpressions.Regex.IsMatch("aaa", "a+b|a*");

        // Given back, then made again.
        many.ForEach(backing => backing.DisposeAndUnmap());
        sparse.Unmap(0, sparse.Length);
        sparse.Commit(Page, Page);
        memory.Write(Page, 5UL);
        return memory.Read<ulong>(Page) == 5 ? ScenarioExit.Success : ScenarioExit.Failure;
    }
}
