using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan.Tests.Infrastructure;

/// <summary>
/// Runs a scenario of Hyperspan.TestHost in a process of its own, for what may crash or changes the whole process.
/// </summary>
public static class ChildProcess
{
    // For what hangs: a machine that is busy takes many times what an idle one does.
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(6);

    /// <summary>Runs a scenario with arguments.</summary>
    public static ChildResult Run(string scenario, params string[] arguments) => Run(scenario, arguments, environment: null);

    /// <summary>Runs a scenario; a child that outlives the timeout is killed and fails the test. A program to start it through, such as env, comes last.</summary>
    public static ChildResult Run(
        string scenario,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment,
        TimeSpan? timeout = null,
        params string[] through)
    {
        ProcessStartInfo start = StartOf(scenario, arguments, through);
        start.RedirectStandardError = true;

        // Crashes are expected; nobody wants their dumps.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        foreach ((var name, var value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException("The child process did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(timeout ?? DefaultTimeout))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw new TimeoutException($"Scenario {scenario} did not end.\nstdout: {output.Result}\nstderr: {error.Result}");
        }

        return new ChildResult(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>How a scenario is started, through another program if one is named; its output is for the test.</summary>
    internal static ProcessStartInfo StartOf(string scenario, IEnumerable<string> arguments, params string[] through)
    {
        string[] command = [.. through, .. Host(), scenario, .. arguments];
        return new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, UseShellExecute = false };
    }

    /// <summary>
    /// What starts the program beside the tests: the <c>dotnet</c> this very runtime belongs to, three folders above it; or, where the runtime lies here as well, the
    /// program itself.
    /// </summary>
    private static string[] Host()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Hyperspan.TestHost");
        string extension = OperatingSystem.IsWindows() ? ".exe" : "";
        return Path.GetFullPath(RuntimeEnvironment.GetRuntimeDirectory()).StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal)
            ? [program + extension]
            : [Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet" + extension)), program + ".dll"];
    }
}
