using Hyperspan.Guarding;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Prints how accesses are guarded in this process, and that a fault is recovered. Argument: <c>switch</c> to force the
/// substitute.
/// </summary>
public sealed unsafe class GuardDescriptionScenario : IScenario
{
    public string Name => "guard-description";

    public int Run(string[] arguments)
    {
        if (arguments is ["switch"])
        {
            AppContext.SetSwitch("Hyperspan.Guard.Substitute", true);
        }

        Guard.EnsureInstalled();
        Console.WriteLine($"supported={Guard.IsSupported} machine={Guard.UsesMachineCode}");
        Console.WriteLine(Guard.Description);
        if (!Guard.IsSupported)
        {
            return ScenarioExit.Unavailable;
        }

        GuardedResult result = Guard.Load<ulong>((byte*)0x1000, mayBlock: false);
        Console.WriteLine($"status={result.Status} address={result.Value:x}");
        return result.Status == 11 && result.Value == 0x1000 ? ScenarioExit.Success : ScenarioExit.Failure;
    }
}
