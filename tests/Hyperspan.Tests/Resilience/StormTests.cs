using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>Storms in a child process: seconds, or minutes with HYPERSPAN_LONG=1.</summary>
public class StormTests
{
    private static readonly Dictionary<string, string> Substitute = new(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" };

    [SkippableFact]
    public void Nothing_crashes_lies_or_leaks()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        ChildProcess.Run("memory-storm", [LongRun.Argument(5, 180)], environment: null, LongRun.Timeout).ShouldSucceed();
    }

    [SkippableFact]
    public void Substitute_survives_the_same()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        ChildProcess.Run("memory-storm", [LongRun.Argument(4, 60)], Substitute, LongRun.Timeout).ShouldSucceed();
    }
}
