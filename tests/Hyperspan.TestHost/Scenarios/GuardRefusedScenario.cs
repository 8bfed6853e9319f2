using Hyperspan.Guarding;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// The host refuses process_vm_readv(2) and process_vm_writev(2). Argument: <c>before</c> the memory is made, when making it is refused with the reason, or
/// <c>after</c>, when its accesses answer with a fault.
/// </summary>
public sealed class GuardRefusedScenario : IScenario
{
    public string Name => "guard-refused";

    public int Run(string[] arguments)
    {
        AppContext.SetSwitch(GuardInstallation.SubstituteSwitch, true);
        return arguments is ["after"] ? RefusedAfter() : RefusedBefore();
    }

    private static int RefusedBefore()
    {
        using var backing = new SparseBacking(0x4000);
        if (!ForbiddenTransfer.TryForbid(out var reason))
        {
            Console.WriteLine(reason);
            return ScenarioExit.Unavailable;
        }

        try
        {
            using var memory = new GuestMemory(backing, "ram");
            Console.WriteLine("made");
            return ScenarioExit.Failure;
        }
        catch (PlatformNotSupportedException e)
        {
            Console.WriteLine(e.Message);
            return ScenarioExit.Success;
        }
    }

    private static int RefusedAfter()
    {
        using var memory = new GuestMemory(new SparseBacking(0x4000), "ram");
        if (!ForbiddenTransfer.TryForbid(out var reason))
        {
            Console.WriteLine(reason);
            return ScenarioExit.Unavailable;
        }

        var bytes = new byte[12];
        var any = memory.TryRead(0x1000, out uint _, out _) || memory.TryWrite(0x1000, 1u, out _) ||
            memory.TryRead(0x1FFA, bytes, out _) || memory.TryWrite(0x1FFA, bytes, out _);
        Console.WriteLine(any ? "accessed" : "faults");
        return any ? ScenarioExit.Failure : ScenarioExit.Success;
    }
}
