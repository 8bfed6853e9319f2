using System.Diagnostics;

namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>Publishing and packing from the sources, with the SDK that built the tests.</summary>
internal static class PublishedProgram
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(8);

    /// <summary>Gets the root of the sources, or null where the tests are not beside them.</summary>
    internal static string? Sources { get; } = FindSources();

    /// <summary>Skips a test that publishes or packs, where that was not asked for or cannot be.</summary>
    internal static void Require()
    {
        Skip.If(Sources is null, "needs the sources beside the tests, to publish from");
        Skip.If(
            Environment.GetEnvironmentVariable("HYPERSPAN_PUBLISH") != "1",
            "publishing takes minutes: HYPERSPAN_PUBLISH=1 tries it, as .ci/run does");
    }

    /// <summary>Gets a value indicating whether a NativeAOT program can be linked here.</summary>
    internal static bool CanLink => IsOnPath("clang") || IsOnPath("gcc");

    /// <summary>Gets the folder of packages that were fetched before.</summary>
    internal static string PackageCache =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>Runs <c>dotnet</c> as from a shell, without what the test runner's build has set, and asserts that it ends well.</summary>
    internal static void DotNet(string log, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> text = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Timeout))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"dotnet {arguments[0]} did not end");
        }

        File.WriteAllText(log, text.Result + error.Result);

        // A warning is an error: trimming and AOT have none.
        process.ExitCode.ShouldBe(0, text.Result + error.Result);
    }

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, program)));

    private static string? FindSources()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Hyperspan.slnx")))
            {
                return folder.FullName;
            }
        }

        return null;
    }
}
