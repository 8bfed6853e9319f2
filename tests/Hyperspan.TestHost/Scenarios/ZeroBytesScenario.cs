using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>Accesses of zero bytes, which succeed at any address of any memory and touch nothing.</summary>
public sealed unsafe class ZeroBytesScenario : IScenario
{
    public string Name => "zero-bytes";

    public int Run(string[] arguments)
    {
        foreach (string path in MemoryZoo.Paths)
        {
            (GuestMemory memory, GuestMemory root) = MemoryZoo.Create(path, 16);
            foreach (ulong address in (ulong[])[0, 1, 4096, memory.End - 1, memory.End, ulong.MaxValue])
            {
                bool all = memory.TryRead(address, []) && memory.TryWrite(address, [])
                    && memory.TryRead(address, null, 0, out _) && memory.TryWrite(address, null, 0, out _)
                    && memory.TryFill(address, 1, 0) && memory.TryCopyTo(address, memory, 0, 0, out _);
                if (!all)
                {
                    Console.WriteLine($"{path}: zero bytes at 0x{address:x} are refused");
                    return ScenarioExit.Failure;
                }
            }

            root.Dispose();
        }

        return ScenarioExit.Success;
    }
}
