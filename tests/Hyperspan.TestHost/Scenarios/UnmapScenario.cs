namespace Hyperspan.TestHost.Scenarios;

/// <summary>A backing gives its addresses back under a memory that is open: every access fails and none meets what is no longer there, whatever way it takes.</summary>
public sealed class UnmapScenario : IScenario
{
    private const ulong Length = 1 << 20;

    public string Name => "unmap-under-memory";

    public int Run(string[] arguments)
    {
        GuestMemoryBacking backing = arguments[0] switch
        {
            "heap" => new HeapBacking(Length),
            "shared" => new SharedBacking(Length),
            _ => new SparseBacking(Length),
        };
        (backing as SparseBacking)?.Commit(0, Length);
        using var other = new HeapBacking(4096);
        GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).AddRegion(1UL << 30, other).LeaveBackingsOpen().Build();
        GuestMemory slice = memory.Slice(4096, 8192);
        GuestMemoryView view = memory.View(0, 4096);
        if (!CanAccess(memory, 8) || !CanAccess(slice, 8))
        {
            return ScenarioExit.Failure;
        }

        backing.DisposeAndUnmap();
        if (CanAccess(memory, 8) || CanAccess(memory, Length - 4096) || CanAccess(slice, 8) || view.TryRead(8, out int _) || !CanAccess(memory, 1UL << 30))
        {
            return ScenarioExit.Failure;
        }

        memory.Dispose();
        backing.DisposeAndUnmap();
        return CanAccess(memory, 8) || CanAccess(slice, 8) || view.TryRead(8, out int _) ? ScenarioExit.Failure : ScenarioExit.Success;
    }

    /// <summary>Whether any operation on an address succeeds; all of them, or none.</summary>
    private static bool CanAccess(GuestMemory memory, ulong address)
    {
        byte[] bytes = new byte[300];
        bool[] results =
        [
            memory.TryRead(address, out ulong _), memory.TryWrite(address, 1UL), memory.TryRead(address, out Guid _), memory.TryRead(address, bytes),
            memory.TryWrite(address, bytes),
            memory.TryFill(address, 1, 300), memory.TryCompareExchange(address, 1UL, 1UL, out _, out _, out _), memory.TryAdd(address, 1U, out _, out _),
            memory.TryProbe(address, 300, AccessType.Write, out _), memory.TryCopy(address, address + 512, 100, out _), memory.TryVolatileRead(address, out uint _, out _),
        ];
        return results.Distinct().Count() == 1 ? results[0] : throw new InvalidOperationException(string.Join(' ', results));
    }
}
