namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>How a run of the command ended.</summary>
public sealed record ToolResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n-- output\n{Output}\n-- error\n{Error}";

    public void ShouldEndWith(int exitCode) => ExitCode.ShouldBe(exitCode, ToString());
}
