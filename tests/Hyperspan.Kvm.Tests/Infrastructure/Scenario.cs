using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Runs a scenario of this assembly in a process of its own, which may die.</summary>
internal static class Scenario
{
    internal static void ShouldEndWell(string name)
    {
        Need.Kvm();
        string root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var start = new ProcessStartInfo(Path.Combine(root, "dotnet"), [typeof(Scenario).Assembly.Location, "scenario", name])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(8)))
        {
            process.Kill();
            process.WaitForExit();
        }

        process.ExitCode.ShouldBe(0, $"{output.Result}\n{error.Result}");
        output.Result.ShouldContain("ended well");
    }
}
