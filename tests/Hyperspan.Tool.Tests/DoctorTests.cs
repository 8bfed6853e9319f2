using System.Text.Json;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

public sealed class DoctorTests
{
    [LinuxFact]
    public void Json_is_one_object_that_agrees_with_the_exit_code()
    {
        ToolResult result = ToolProcess.Run("doctor", "--json");
        using var document = JsonDocument.Parse(result.Output);
        JsonElement[] checks = [.. document.RootElement.GetProperty("checks").EnumerateArray()];
        string[] ids = [.. checks.Select(check => check.GetProperty("id").GetString()!)];
        foreach (string id in (string[])
        [
            "guard", "executable-pages", "memfd", "huge-pages-2m", "huge-pages-1g", "userfaultfd", "kvm", "membarrier", "rseq", "vhost-user",
        ])
        {
            ids.ShouldContain(found => found == id);
        }

        ids.Distinct(StringComparer.Ordinal).Count().ShouldBe(ids.Length);
        bool ready = checks.All(check => !check.GetProperty("essential").GetBoolean() || check.GetProperty("status").GetString() != "missing");
        document.RootElement.GetProperty("ready").GetBoolean().ShouldBe(ready);
        result.ShouldEndWith(ready ? 0 : 1);
        foreach (JsonElement check in checks)
        {
            check.GetProperty("found").GetString().ShouldNotBeNullOrEmpty();
            check.GetProperty("usedFor").GetString().ShouldNotBeNullOrEmpty();
            bool ok = check.GetProperty("status").GetString() == "ok";
            string.IsNullOrEmpty(check.GetProperty("remedy").GetString()).ShouldBe(ok);
        }
    }

    [LinuxFact]
    public void Substitute_of_the_guard_is_limited_but_enough()
    {
        ToolResult result = ToolProcess.Run(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" }, "doctor", "--json");
        using var document = JsonDocument.Parse(result.Output);
        JsonElement guard = document.RootElement.GetProperty("checks").EnumerateArray().Single(check => check.GetProperty("id").GetString() == "guard");
        guard.GetProperty("status").GetString().ShouldBe("limited");
        guard.GetProperty("found").GetString()!.ShouldContain("HYPERSPAN_GUARD");
    }

    [LinuxTheory]
    [InlineData(40)]
    [InlineData(80)]
    public void Text_fits_the_width(int columns)
    {
        ToolResult result = ToolProcess.Run(new Dictionary<string, string>(StringComparer.Ordinal) { ["COLUMNS"] = $"{columns}" }, "doctor");
        result.Output.ShouldNotContain("\u001b");
        result.Output.Split('\n').ShouldAllBe(line => line.Length <= columns);
        result.Output.ShouldContain("Guarded access");
    }
}
