using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>The current directory has been deleted: full paths do not need it, and of others it is said.</summary>
public sealed class GoneFolderTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void Full_paths_are_found_all_the_same()
    {
        string memory = _folder.CreateImage("ram", Size);
        Run("snapshot", "save", "--memory", memory, _folder.PathOf("one")).ShouldEndWith(0);
        File.WriteAllBytes(memory, [1, 2, 3, .. new byte[Size - 3]]);
        Run("snapshot", "save", "--memory", memory, "--since", _folder.PathOf("one"), _folder.PathOf("two")).ShouldEndWith(0);
        Run("snapshot", "save", "--memory", memory, "--since", _folder.PathOf("two"), _folder.PathOf("three")).ShouldEndWith(0);
        foreach (string command in (string[])["verify", "info", "diff"])
        {
            Run("snapshot", command, _folder.PathOf("three")).ShouldEndWith(0);
        }

        Run("snapshot", "restore", _folder.PathOf("three"), "--memory", _folder.PathOf("out")).ShouldEndWith(0);
        File.ReadAllBytes(_folder.PathOf("out")).ShouldBe(File.ReadAllBytes(memory));
        Run("snapshot", "merge", _folder.PathOf("three"), "--output", _folder.PathOf("all")).ShouldEndWith(0);
        Run("dump", "convert", "--to", "elf", _folder.PathOf("all"), _folder.PathOf("core")).ShouldEndWith(0);
        Run("manual", _folder.PathOf("man")).ShouldEndWith(0);

        File.Delete(_folder.PathOf("two"));
        ToolResult missing = Run("snapshot", "info", _folder.PathOf("three"));
        missing.ShouldEndWith(2);
        missing.Error.ShouldBe($"hyperspan: {_folder.PathOf("three")}: is a difference to {_folder.PathOf("two")}, which is not there");
    }

    [LinuxTheory]
    [InlineData(2, "snapshot", "save", "--memory", "{ram}", "new")]
    [InlineData(2, "snapshot", "restore", "{one}", "--memory", "new")]
    [InlineData(2, "snapshot", "merge", "{one}", "--output", "new")]
    [InlineData(2, "dump", "convert", "--to", "elf", "{ram}", "new")]
    [InlineData(2, "serve", "entropy", "--socket", "new")]
    [InlineData(2, "serve", "block", "--socket", "new", "--image", "{ram}")]
    [InlineData(2, "serve", "entropy", "--socket", "{s}", "--metrics", "unix:new")]
    [InlineData(1, "manual", "new")]
    public void Of_other_paths_it_is_said(int code, params string[] arguments)
    {
        _folder.CreateImage("ram", Size);
        ToolProcess.Run("snapshot", "save", "--memory", _folder.PathOf("ram"), _folder.PathOf("one")).ShouldEndWith(0);
        ToolResult result = Run([.. arguments.Select(word => word.StartsWith('{') ? _folder.PathOf(word.Trim('{', '}')) : word)]);
        result.ShouldEndWith(code);
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldContain("new: the current directory, where it would be, is not there any more");
        _folder.Names().ShouldBe(["one", "ram"]);
    }

    /// <summary>Somewhere where no file can be made, whoever asks.</summary>
    [LinuxFact]
    public void A_folder_that_takes_no_files_is_not_a_file_that_is_missing()
    {
        ToolResult result = ToolProcess.Run("snapshot", "save", "--memory", _folder.CreateImage("ram", Size), "/proc/cpuinfo");
        result.ShouldEndWith(1);
        result.Error.ShouldBe("hyperspan: /proc/cpuinfo: no file can be made in that folder");
    }

    private ToolResult Run(params string[] arguments)
    {
        using ToolProcess process = ToolProcess.StartProgram(
            "sh",
            [
                "-c", "mkdir \"$0\" && cd \"$0\" && rmdir \"$0\" && exec dotnet \"$@\"", _folder.PathOf("gone"),
                Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"), .. arguments,
            ]);
        return process.WaitForExit();
    }
}
