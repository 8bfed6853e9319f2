using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// The machine with a true <c>/dev/kvm</c>: an emulated AMD processor with nested paging, in which a command is run as root. The script is the one that
/// <c>HYPERSPAN_NESTED_BED</c> names, or <c>shared/beds/nested</c> beside the repository.
/// </summary>
internal static class NestedBed
{
    /// <summary>In seconds. On a machine with nothing else to do all of them take less than two minutes.</summary>
    internal const int Patience = 1200;

    private const int Failed = 125;

    internal static string? Script { get; } = Find();

    // Takes seconds. The emulated kernel has been seen to lose the timer of a processor as it booted, and to do nothing for ever.
    private static readonly TimeSpan LongestBoot = TimeSpan.FromMinutes(4);

    /// <summary>
    /// Runs a command; adds are host paths with the places they get. Skips the test where the bed is not there, or cannot be made. A machine that does not come as far as the
    /// command is begun again, once.
    /// </summary>
    internal static async Task<(int ExitCode, string Output)> RunAsync(int seconds, IEnumerable<(string Host, string Guest)> adds, params string[] command)
    {
        Skip.If(Script is null, "the nested bed is not there: HYPERSPAN_NESTED_BED names its script");
        return await TryRunAsync(seconds, adds, command, LongestBoot)
            ?? await TryRunAsync(seconds, adds, command, TimeSpan.FromSeconds(seconds))
            ?? throw new TimeoutException("The nested bed has not booted.");
    }

    /// <summary>Runs a command; nothing where the machine has not come as far in time.</summary>
    private static async Task<(int ExitCode, string Output)?> TryRunAsync(
        int seconds, IEnumerable<(string Host, string Guest)> adds, string[] command, TimeSpan longestBoot)
    {
        var start = new ProcessStartInfo(Script!, ["--timeout", $"{seconds}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        (string, string)[] runtime =
        [
            (Path.Combine(root, "dotnet"), "/dn/dotnet"), (Path.Combine(root, "host"), "/dn/host"), (RuntimeEnvironment.GetRuntimeDirectory(), RuntimeInBed),
        ];
        foreach ((string host, string guest) in runtime.Concat(adds))
        {
            start.ArgumentList.Add("--add");
            start.ArgumentList.Add($"{host.TrimEnd('/')}:{guest}");
        }

        start.ArgumentList.Add("--");
        foreach (string word in (string[])["sh", "-c", "echo booted; exec \"$@\"", "sh", .. command])
        {
            start.ArgumentList.Add(word);
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string?> booted = process.StandardOutput.ReadLineAsync();
        if (await Task.WhenAny(booted, Task.Delay(longestBoot)) != booted)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            return null;
        }

        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Skip.If(process.ExitCode == Failed, $"the nested bed does not work here: {await error}");
        return (process.ExitCode, output + await error);
    }

    private static string RuntimeInBed =>
        $"/dn/shared/Microsoft.NETCore.App/{Path.GetFileName(RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/'))}";

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("HYPERSPAN_NESTED_BED") is { Length: > 0 } own)
        {
            return own;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string script = Path.Combine(folder.FullName, "shared", "beds", "nested");
            if (File.Exists(script))
            {
                return script;
            }
        }

        return null;
    }
}
