using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--help")]
    [InlineData("demo", "--help")]
    [InlineData("doctor", "-h")]
    [InlineData("serve", "block", "--help")]
    [InlineData("serve", "entropy", "--help")]
    [InlineData("serve", "console", "--help")]
    public void Help_has_usage_and_examples(params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(arguments);
        result.ShouldEndWith(0);
        result.Error.ShouldBeEmpty();
        result.Output.ShouldContain("Usage:\n  hyperspan ");
        result.Output.ShouldContain("Examples:\n  hyperspan ");
        if (arguments.Length > 1)
        {
            result.Output.ShouldContain("Exit codes:");
        }
    }

    [Fact]
    public void Help_hides_what_is_for_tests() => ToolProcess.Run("serve", "block", "--help").Output.ShouldNotContain("features");

    [Theory]
    [InlineData]
    [InlineData("serve")]
    public void Command_that_lacks_one_shows_help(params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(arguments);
        result.ShouldEndWith(2);
        result.Output.ShouldContain("Usage:");
    }

    [Fact]
    public void Version_is_that_of_the_package()
    {
        ToolResult result = ToolProcess.Run("--version");
        result.ShouldEndWith(0);
        result.Output.ShouldMatch(@"^\d+\.\d+\.\d+");
    }

    [Fact]
    public void Shells_can_complete()
    {
        ToolResult result = ToolProcess.Run("[suggest:6]", "serve ");
        result.ShouldEndWith(0);
        foreach (string device in (string[])["block", "entropy", "console"])
        {
            result.Output.Split('\n').ShouldContain(line => line == device);
        }

        ToolProcess.Run("[suggest:16]", "serve console --").Output.Split('\n').ShouldContain(line => line == "--console");
        ToolProcess.Run("[suggest:14]", "serve block --").Output.Split('\n').ShouldContain(line => line == "--socket");
    }
}
