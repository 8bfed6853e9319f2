using Hyperspan.TestHost;

namespace Hyperspan.Tests.Infrastructure;

/// <summary>How a child process ended. A process that died by a signal has the exit code 128 plus the signal.</summary>
public sealed record ChildResult(int ExitCode, string Output, string Error)
{
    /// <summary>
    /// Fails, with everything the child printed, unless it ended with this code; skips the test if the machine lacks something.
    /// </summary>
    public void ShouldExitWith(int exitCode)
    {
        Skip.If(ExitCode == ScenarioExit.Unavailable && exitCode != ExitCode, Output.Trim());
        ExitCode.ShouldBe(exitCode, $"stdout: {Output}\nstderr: {Error}");
    }

    public void ShouldSucceed() => ShouldExitWith(ScenarioExit.Success);
}
