using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>A disk that is full: the file is named that was asked for, and nothing is left behind. In a mount namespace of its own.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int Size = 2 << 20;

    private readonly TemporaryFolder _folder = new();

    public FullDiskTests()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && string.Equals(Environment.UserName, "root", StringComparison.Ordinal), "needs Linux, and root to mount");
        Directory.CreateDirectory(_folder.PathOf("full"));
        byte[] memory = new byte[Size];
        new Random(5).NextBytes(memory);
        File.WriteAllBytes(_folder.PathOf("ram"), memory);
    }

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("snapshot", "save", "--memory", "{ram}", "{full}/x")]
    [InlineData("snapshot", "save", "--compress", "--memory", "{ram}", "{full}/x")]
    [InlineData("dump", "convert", "--to", "elf", "{ram}", "{full}/x")]
    [InlineData("dump", "convert", "--to", "kdump", "{ram}", "{full}/x")]
    [InlineData("dump", "convert", "--to", "lime", "{ram}", "{full}/x")]
    [InlineData("dump", "convert", "--to", "raw", "{ram}", "{full}/x")]
    public void The_file_that_was_asked_for_is_named(params string[] arguments)
    {
        ToolResult result = Run(["touch", _folder.PathOf("full/before")], arguments);
        result.ShouldEndWith(1);
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldBe($"hyperspan: No space left on device : '{_folder.PathOf("full/x")}'");
        result.Output.ShouldBe("before");
    }

    [SkippableTheory]
    [InlineData("snapshot", "merge", "--output", "{full}/x")]
    [InlineData("snapshot", "restore", "--memory", "{full}/x")]
    public void Also_where_a_snapshot_is_what_is_read(params string[] arguments)
    {
        ToolProcess.Run("snapshot", "save", "--memory", _folder.PathOf("ram"), _folder.PathOf("snap")).ShouldEndWith(0);
        ToolResult result = Run(["true"], [.. arguments, _folder.PathOf("snap")]);
        result.ShouldEndWith(1);
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldBe($"hyperspan: No space left on device : '{_folder.PathOf("full/x")}'");
        result.Output.ShouldBeEmpty();
    }

    /// <summary>Without /proc a file that has no name cannot be given one: it is written under one beside its place, as on file systems that have no such files.</summary>
    [SkippableFact]
    public void Where_no_file_is_without_a_name_it_is_written_all_the_same()
    {
        string snapshot = _folder.PathOf("full/snap");
        using ToolProcess process = ToolProcess.StartProgram(
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            "mkdir \"$2/none\" && mount --bind \"$2/none\" /proc/$$/fd || exit 99; exec dotnet \"$0\" snapshot save --memory \"$1\" \"$2/snap\"",
            Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"),
            _folder.PathOf("ram"),
            _folder.PathOf("full"));
        ToolResult result = process.WaitForExit();
        Skip.If(result.ExitCode is 99 || result.Error.Contains("unshare failed", StringComparison.Ordinal), "no mounts are permitted here: " + result.Error);
        result.ShouldEndWith(0);
        ToolProcess.Run("snapshot", "verify", snapshot).ShouldEndWith(0);
        Directory.EnumerateFileSystemEntries(_folder.PathOf("full")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).ShouldBe(["none", "snap"]);
    }

    [SkippableTheory]
    [InlineData("{full}/man", "")]
    [InlineData("{full}/a/b/c/", "")]
    [InlineData("{full}/", "")]
    public void Manual_pages_are_all_there_or_none(string folder, string left)
    {
        ToolResult result = Run(["head", "-c", "40000", "/dev/zero"], ["manual", folder], then: $"rm -f '{_folder.PathOf("full/ballast")}'");
        result.ShouldEndWith(1);
        string place = Path.TrimEndingDirectorySeparator(folder.Replace("{full}", _folder.PathOf("full"), StringComparison.Ordinal));
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldStartWith($"hyperspan: No space left on device : '{place}/hyperspan");
        result.Error.ShouldEndWith(".1'");
        result.Output.ShouldBe(left);
    }

    [SkippableFact]
    public void Manual_pages_that_were_there_are_as_they_were()
    {
        string before = $"echo old > '{_folder.PathOf("full/hyperspan.1")}'; head -c 40000 /dev/zero";
        ToolResult result = Run(["sh", "-c", before], ["manual", "{full}"], then: $"cat '{_folder.PathOf("full")}'/*.1");
        result.ShouldEndWith(1);
        result.Output.Split('\n')[0].ShouldBe("old");
    }

    /// <summary>Runs it where a file system has 64 KiB, after something that may leave its output there; then the names that are there follow.</summary>
    private ToolResult Run(string[] before, string[] arguments, string then = ":")
    {
        string full = _folder.PathOf("full");
        string first = string.Join(' ', before.Select(word => $"\"{word}\""));
        string script = $"mount -t tmpfs -o size=64k none '{full}' || exit 99; "
            + $"{first} > '{full}/ballast'; [ -s '{full}/ballast' ] || rm '{full}/ballast'; "
            + $"dotnet \"$0\" \"$@\"; code=$?; {then}; ls -A '{full}'; exit $code";
        using ToolProcess process = ToolProcess.StartProgram(
            "unshare",
            [
                "--mount", "--propagation", "private", "sh", "-c", script, Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"),
                .. arguments.Select(word => word.Replace("{full}", full, StringComparison.Ordinal).Replace("{ram}", _folder.PathOf("ram"), StringComparison.Ordinal)),
            ]);
        ToolResult result = process.WaitForExit();
        Skip.If(result.ExitCode is 99 || result.Error.Contains("unshare failed", StringComparison.Ordinal), "no mounts are permitted here: " + result.Error);
        return result;
    }
}
