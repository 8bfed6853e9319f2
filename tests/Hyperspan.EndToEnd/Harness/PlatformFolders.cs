using System.Diagnostics;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>The tests as they were built, laid out with the runtimes of other platforms: each once, for all that try it.</summary>
public sealed class PlatformFolders : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hyperspan-platforms");
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<string, string> _laidOut = new(StringComparer.Ordinal);

    /// <summary>Where the sources are, or null where they are not.</summary>
    internal static string? Repository { get; } = Find("Hyperspan.slnx") is { } solution ? Path.GetDirectoryName(solution) : null;

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _gate.Dispose();
    }

    /// <summary>A file in a folder above the tests.</summary>
    internal static string? Find(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, name);
            if (File.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    /// <summary>Runs a program to its end, and gives its exit code and all that it wrote.</summary>
    internal static async Task<(int Code, string Output)> RunAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;

        // What the build that runs the tests has set is not for builds that they start.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Longest);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{Path.GetFileName(start.FileName)} {string.Join(' ', start.ArgumentList)} did not end: {await output}{await error}", e);
        }

        return (process.ExitCode, await output + await error);
    }

    /// <summary>Gives the folder of a platform.</summary>
    internal async Task<string> LayOutAsync(string platform)
    {
        await _gate.WaitAsync();
        try
        {
            if (_laidOut.TryGetValue(platform, out string? there))
            {
                return there;
            }

            string folder = Path.Combine(_folder.FullName, platform);
            (int code, string output) = await RunAsync(new ProcessStartInfo(Path.Combine(Repository!, "tests", "platform"), [platform, folder]));
            if (code != 0)
            {
                throw new EndToEndException($"tests/platform {platform} failed: {output}");
            }

            _laidOut.Add(platform, folder);
            return folder;
        }
        finally
        {
            _gate.Release();
        }
    }
}
