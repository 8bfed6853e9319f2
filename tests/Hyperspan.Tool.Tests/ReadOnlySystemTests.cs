using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>
/// A root file system and a temporary folder that are read-only, as in a container: what cannot be made is named, with what it was for. In a mount namespace of its own.
/// </summary>
public sealed class ReadOnlySystemTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ReadOnlySystemTests()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && string.Equals(Environment.UserName, "root", StringComparison.Ordinal), "needs Linux, and root to mount");
        Directory.CreateDirectory(_folder.PathOf("ro"));
    }

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void The_demo_names_the_folder_and_what_it_was_for()
    {
        ToolResult result = Run("demo");
        result.ShouldEndWith(1);
        result.Error.ShouldContain(_folder.PathOf("ro"));
        result.Error.ShouldContain("disk image");
        result.Error.ShouldContain("Read-only file system");
        result.Error.Split('\n').Length.ShouldBe(1, result.Error);
    }

    [SkippableFact]
    public void The_socket_is_named_with_the_reason()
    {
        ToolResult result = Run("serve", "block", "--socket", _folder.PathOf("ro/s"), "--image", _folder.CreateImage("disk.img", 1 << 20), "--read-only");
        result.ShouldEndWith(2);
        result.Error.ShouldContain(_folder.PathOf("ro/s"));
        result.Error.ShouldContain("socket");
        result.Error.ShouldContain("Read-only file system");
    }

    [SkippableFact]
    public void The_doctor_does_its_work() => Run("doctor", "--json").Output.ShouldContain("{");

    [SkippableTheory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("completion", "bash")]
    public void What_writes_no_file_works(params string[] arguments) => Run(arguments).ShouldEndWith(0);

    private ToolResult Run(params string[] arguments)
    {
        const string Script = "mount -o remount,bind,ro / 2>/dev/null; mount -t tmpfs -o ro none \"$0\" || exit 99; TMPDIR=\"$0\" exec dotnet \"$@\"";
        using ToolProcess process = ToolProcess.StartProgram(
            "unshare",
            ["--mount", "--propagation", "private", "sh", "-c", Script, _folder.PathOf("ro"), Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"), .. arguments]);
        ToolResult result = process.WaitForExit();
        Skip.If(result.ExitCode is 99 || result.Error.Contains("unshare failed", StringComparison.Ordinal), "no mounts are permitted here: " + result.Error);
        return result;
    }
}
