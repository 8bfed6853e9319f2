using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>Storms in a child process: seconds, or minutes with HYPERSPAN_LONG=1.</summary>
[Trait("Category", "slow")]
public class StormTests
{
    private static readonly Dictionary<string, string> Substitute = new(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" };

    [LinuxFact]
    public void Nothing_crashes_lies_or_leaks()
    {
        ChildProcess.Run("memory-storm", [LongRun.Argument(5, 180)], environment: null, LongRun.Timeout).ShouldSucceed();
    }

    [LinuxFact]
    public void Substitute_survives_the_same()
    {
        ChildProcess.Run("memory-storm", [LongRun.Argument(4, 60)], Substitute, LongRun.Timeout).ShouldSucceed();
    }
}
