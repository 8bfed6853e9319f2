using System.Diagnostics;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>What the command gives a shell and <c>man</c>: made from the definitions of its commands.</summary>
public sealed class ShellTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("hyperspan d", "demo", "doctor", "dump")]
    [InlineData("hyperspan serve block --im", "--image")]
    [InlineData("hyperspan completion f", "fish")]
    public void Bash_completes(string line, params string[] expected)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && File.Exists("/bin/bash"), "needs bash");
        string script = _folder.PathOf("completion");
        File.WriteAllText(script, ToolProcess.Run("completion", "bash").Output);
        string[] words = line.Split(' ');
        string[] found = Run(
            "/bin/bash",
            "-c",
            $$"""
            hyperspan() { dotnet '{{Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll")}}' "$@"; }
            source '{{script}}'
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}} COMP_CWORD={{words.Length - 1}} COMP_WORDS=({{line}})
            _hyperspan
            printf '%s\n' "${COMPREPLY[@]}"
            """).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        found.Order(StringComparer.Ordinal).ShouldBe(expected);
    }

    [Theory]
    [InlineData("bash", "complete ")]
    [InlineData("zsh", "compdef ")]
    [InlineData("fish", "complete ")]
    public void Each_shell_has_a_script(string shell, string registers)
    {
        ToolResult result = ToolProcess.Run("completion", shell);
        result.ShouldEndWith(0);
        result.Output.ShouldContain(registers);
    }

    [Fact]
    public void Each_command_has_a_manual_page()
    {
        ToolProcess.Run("manual", _folder.PathOf("man1")).ShouldEndWith(0);
        string page = File.ReadAllText(_folder.PathOf("man1/hyperspan-serve-block.1"));
        page.ShouldContain(".SH NAME\nhyperspan\\-serve\\-block \\- Serve");
        page.ShouldContain(".TP\n.B \\-\\-queues N\n");
        page.ShouldContain(".SH EXIT STATUS\n.TP\n.B 0\n");
        page.ShouldNotContain("features");
        string[] names = Directory.GetFiles(_folder.PathOf("man1")).Select(file => Path.GetFileName(file)!).ToArray();
        names.Contains("hyperspan.1", StringComparer.Ordinal).ShouldBeTrue();
        names.Contains("hyperspan-demo.1", StringComparer.Ordinal).ShouldBeTrue();
    }

    [SkippableFact]
    public void Manual_pages_are_understood_without_a_warning()
    {
        Skip.IfNot(File.Exists("/usr/bin/groff"), "needs groff");
        ToolProcess.Run("manual", _folder.PathOf("man1")).ShouldEndWith(0);
        foreach (string page in Directory.GetFiles(_folder.PathOf("man1")))
        {
            Run("/bin/sh", "-c", $"groff -man -Tascii -ww '{page}' 2>&1 >/dev/null").ShouldBeEmpty(page);
        }

        Run("/bin/sh", "-c", $"groff -man -Tascii -P-cbou '{_folder.PathOf("man1/hyperspan-completion.1")}'").ShouldContain("> \"${fpath[1]}/_hyperspan\"");
    }

    [Fact]
    public void Manual_pages_that_have_nowhere_to_go()
    {
        File.WriteAllText(_folder.PathOf("file"), "");
        ToolResult result = ToolProcess.Run("manual", _folder.PathOf("file"));
        result.ShouldEndWith(1);
        result.Error.ShouldContain("file");
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
