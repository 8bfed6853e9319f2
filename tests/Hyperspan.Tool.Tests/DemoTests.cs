using System.Text.Json;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

public sealed class DemoTests
{
    private static readonly string[] Steps = ["connect", "format", "write", "read back", "random", "erase", "compare", "truncate", "reconnect"];

    [LinuxFact]
    public void Json_is_one_object_and_everything_verifies()
    {
        ToolResult result = ToolProcess.Run("demo", "--json");
        result.ShouldEndWith(0);
        result.Error.ShouldBeEmpty();
        using var document = JsonDocument.Parse(result.Output);
        JsonElement root = document.RootElement;
        root.GetProperty("verified").GetBoolean().ShouldBeTrue();
        root.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("name").GetString()).ShouldBe(Steps);
        root.GetProperty("steps").EnumerateArray().ShouldAllBe(step => step.GetProperty("verified").GetBoolean());
        root.GetProperty("hashes").EnumerateObject().Select(hash => hash.Value.GetString()).Distinct(StringComparer.Ordinal).ShouldHaveSingleItem();
        root.GetProperty("seconds").GetDouble().ShouldBeLessThan(30);

        JsonElement fault = root.GetProperty("fault");
        fault.GetProperty("deviceKind").GetString().ShouldBe("Unmapped");
        fault.GetProperty("deviceCause").GetString().ShouldBe("BusError");
        fault.GetProperty("device").GetString()!.ShouldStartWith("connection 1: memory lost: ");
        fault.GetProperty("guest").GetString()!.ShouldContain("SIGBUS");

        JsonElement module = root.GetProperty("memory").EnumerateArray().Single(region => !region.GetProperty("sealed").GetBoolean());
        module.GetProperty("truncated").GetBoolean().ShouldBeTrue();
        module.GetProperty("touchedBytes").GetInt64().ShouldBe(0);
        module.GetProperty("start").GetUInt64().ShouldBe(fault.GetProperty("address").GetUInt64());
    }

    [LinuxFact]
    public void Substitute_for_the_guard_verifies_too()
    {
        ToolResult result = ToolProcess.Run(new Dictionary<string, string>(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" }, "demo", "--json");
        result.ShouldEndWith(0);
        using var document = JsonDocument.Parse(result.Output);
        document.RootElement.GetProperty("guard").GetString()!.ShouldStartWith("substitute");
    }

    [LinuxFact]
    public void Temporary_directory_that_is_missing_is_named()
    {
        ToolResult result = ToolProcess.Run(new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = "/none/such" }, "demo", "--json");
        result.ShouldEndWith(1);
        result.Error.ShouldContain("/none/such");
        result.Error.ShouldContain("TMPDIR");
        result.Error.Split('\n').ShouldHaveSingleItem();
    }

    [LinuxTheory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(120)]
    public void Text_fits_the_width_and_has_no_escapes(int columns)
    {
        ToolResult result = ToolProcess.Run(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["COLUMNS"] = $"{columns}", ["NO_COLOR"] = "1" }, "demo");
        result.ShouldEndWith(0);
        result.Output.ShouldNotContain("\u001b");
        result.Output.Split('\n').ShouldAllBe(line => line.Length <= columns);
        result.Output.ShouldContain("Verified, in ");
        result.Output.ShouldContain("Guest memory: 104 MiB");
    }

    [LinuxFact]
    public void Temporary_directory_without_room_for_an_image_is_said()
    {
        using var folder = new TemporaryFolder();
        ToolResult result = ToolProcess.Run(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = folder.PathOf("none") + "/" }, "demo");
        result.ShouldEndWith(1);
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldStartWith("hyperspan: ");
    }

    [LinuxFact]
    public void Signal_ends_it_and_nothing_is_left_behind()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("tmp"));
        using ToolProcess tool = ToolProcess.StartIn(folder.PathOf("tmp"), "demo");
        tool.WaitUntil(() => File.ReadAllText($"/proc/{tool.Id}/maps").Contains("demo-ram", StringComparison.Ordinal));
        tool.Signal(15);
        ToolResult result = tool.WaitForExit();

        // A machine so fast that it was done before the signal came has left nothing either.
        result.ExitCode.ShouldBeOneOf(0, 130);
        Directory.EnumerateFileSystemEntries(folder.PathOf("tmp")).Where(name => name.Contains("hyperspan-demo-", StringComparison.Ordinal)).ShouldBeEmpty();
    }
}
