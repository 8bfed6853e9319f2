using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>Whatever is given, one line says what is wrong with it, in words of whoever gave it.</summary>
public sealed class OneLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public OneLineTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose()
    {
        if (!OperatingSystem.IsWindows() && Directory.Exists(_folder.PathOf("closed")))
        {
            File.SetUnixFileMode(_folder.PathOf("closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        _folder.Dispose();
    }

    [SkippableTheory]
    [InlineData("manual", "")]
    [InlineData("snapshot", "info", "")]
    [InlineData("snapshot", "verify", "")]
    [InlineData("snapshot", "restore", "", "--memory", "x")]
    [InlineData("snapshot", "save", "--memory", "{file}", "{folder}/x", "--since", "")]
    [InlineData("snapshot", "merge", "--output", "", "{file}")]
    [InlineData("snapshot", "merge", "", "{file}", "--output", "{folder}/x")]
    [InlineData("snapshot", "diff", "{file}", "")]
    [InlineData("dump", "info", "")]
    [InlineData("dump", "convert", "--to", "raw", "{file}", "")]
    [InlineData("run", "--kernel", "")]
    [InlineData("run", "--kernel", "{file}", "--initrd", "")]
    [InlineData("run", "--kernel", "{file}", "--disk", "")]
    [InlineData("run", "--restore", "")]
    public void A_name_that_is_empty_is_said_to_be(params string[] arguments)
    {
        string line = Refused(arguments);
        line.ShouldContain("empty");
        line.ShouldNotContain("Parameter");
        line.ShouldNotContain("value");
    }

    [SkippableTheory]
    [InlineData("dump", "convert", "a", "b", "--to", "foo", "--to: 'foo' is none of elf, kdump, lime, raw.")]
    [InlineData("serve", "block", "--socket", "s", "--image", "i", "--lock", "never", "--lock: 'never' is none of always, served.")]
    [InlineData("serve", "block", "--socket", "s", "--image", "i", "--format", "qcow2", "--format: 'qcow2' is none of raw.")]
    [InlineData("completion", "csh", "SHELL: 'csh' is none of bash, fish, zsh.")]
    [InlineData("serve", "entropy", "--socket", "s", "--features", "0x", "--features: '0x' is not a mask of 64 bits, such as 0x140000000.")]
    public void A_word_that_is_none_of_some_is_one_line_with_the_name_of_the_option(params string[] argumentsAndLine)
    {
        string[] words = Refused(argumentsAndLine[..^1]).Split(' ', ',', '.');
        argumentsAndLine[^1].Split(' ', ',', '.').Order(StringComparer.Ordinal).ShouldBe(words.Skip(1).Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [InlineData("[suggest:99999999999]")]
    [InlineData("[suggest:-1]")]
    [InlineData("[suggest:x]")]
    public void A_place_for_completions_that_is_none(string directive) => Refused(directive, "serve").ShouldContain(directive);

    [SkippableTheory]
    [InlineData("snapshot", "info", "@{folder}")]
    [InlineData("dump", "info", "@/dev/zero")]
    [InlineData("snapshot", "save", "--memory", "@none", "x")]
    public void A_name_that_begins_with_an_at_sign_is_a_name(params string[] arguments) =>
        Refused(arguments).ShouldContain("@");

    [SkippableTheory]
    [InlineData("manual", "{file}/x", "Not a directory")]
    [InlineData("snapshot", "save", "--memory", "{file}", "{file}/x", "{file} is no folder")]
    [InlineData("dump", "convert", "--to", "elf", "{file}", "{file}/", "{file} is no folder")]
    [InlineData("snapshot", "info", "{file}/x", "Not a directory")]
    public void A_file_where_a_folder_is_needed(params string[] argumentsAndPart) =>
        Refused(argumentsAndPart[..^1]).ShouldContain(Complete(argumentsAndPart[^1]));

    [SkippableTheory]
    [InlineData("{file}")]
    [InlineData("/dev/null")]
    public void A_file_where_the_manual_is_to_go(string file) => Refused(plain: false, ["manual", file], 1).ShouldEndWith("is no folder");

    /// <summary>A process without capabilities, so that permissions count for root too.</summary>
    [SkippableTheory]
    [InlineData("snapshot", "save", "--memory", "{folder}/closed/x", "{folder}/y")]
    [InlineData("dump", "info", "{folder}/closed/x")]
    [InlineData("snapshot", "save", "--memory", "{file}", "{folder}/closed/x")]
    [InlineData("dump", "convert", "--to", "raw", "{file}", "{folder}/closed/x")]
    [InlineData("run", "--kernel", "{file}", "--save", "{folder}/closed/x")]
    public void A_folder_that_may_not_be_searched_is_not_said_to_lack_the_file(params string[] arguments)
    {
        Close(UnixFileMode.None);
        string line = Refused(plain: true, arguments);
        line.ShouldContain("closed/x");
        line.ShouldContain("Permission denied");
    }

    [SkippableTheory]
    [InlineData(1, "snapshot", "save", "--memory", "{file}", "{folder}/closed/x")]
    [InlineData(1, "dump", "convert", "--to", "lime", "{file}", "{folder}/closed/x")]
    [InlineData(1, "manual", "{folder}/closed/x")]
    [InlineData(2, "run", "--kernel", "{file}", "--save", "{folder}/closed/x")]
    public void A_folder_that_may_not_be_written_is_said_with_the_file_that_was_asked_for(int code, params string[] arguments)
    {
        Close(UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string line = Refused(plain: true, arguments, code);
        line.ShouldContain("closed/x");
        line.ShouldNotContain(".part");
        _folder.Names().ShouldBe(["closed", "file"]);
        Directory.GetFileSystemEntries(_folder.PathOf("closed")).ShouldBeEmpty();
    }

    private void Close(UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(_folder.PathOf("closed"), mode);
        }
    }

    private string Complete(string text) =>
        text.Replace("{file}", _folder.PathOf("file"), StringComparison.Ordinal).Replace("{folder}", _folder.PathOf("."), StringComparison.Ordinal);

    private string Refused(params string[] arguments) => Refused(plain: false, arguments);

    private string Refused(bool plain, string[] arguments, int code = 2)
    {
        _folder.CreateImage("file", 1 << 16);
        string tool = Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll");
        bool drop = plain && string.Equals(Environment.UserName, "root", StringComparison.Ordinal);
        string[] words = [.. arguments.Select(Complete)];
        using ToolProcess process = drop
            ? ToolProcess.StartProgram("setpriv", ["--bounding-set=-all", "--inh-caps=-all", "dotnet", tool, .. words])
            : ToolProcess.Start(words);
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(code);
        result.Output.ShouldBeEmpty();
        string[] lines = result.Error.Split('\n');
        lines[0].ShouldStartWith("hyperspan: ");
        lines.Skip(1).ShouldAllBe(line => line.StartsWith("Try '", StringComparison.Ordinal));
        return lines[0];
    }
}
