using System.Text.Json;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary><c>hyperspan snapshot</c>, as a user types it.</summary>
public sealed class SnapshotTests : IDisposable
{
    private const int Size = 8 << 20;

    private readonly TemporaryFolder _folder = new();

    public SnapshotTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Saved_memory_is_restored(bool compress)
    {
        string memory = CreateMemory("ram", 1);
        ToolResult saved = Snapshot(["save", "--memory", memory, PathOf("a.snap"), .. compress ? ["--compress"] : Array.Empty<string>()]);
        saved.ShouldEndWith(0);
        saved.Error.ShouldBeEmpty();
        saved.Output.ShouldStartWith($"Saved {PathOf("a.snap")}: ");
        saved.Output.ShouldContain("stored");
        ToolResult restored = Snapshot("restore", PathOf("a.snap"), "--memory", PathOf("again"));
        restored.ShouldEndWith(0);
        Same(memory, PathOf("again"));
        new FileInfo(PathOf("a.snap")).Length.ShouldBeLessThan(Size / 2);
        Snapshot("verify", PathOf("a.snap")).ShouldEndWith(0);
        _folder.Names().ShouldBe(["a.snap", "again", "ram"]);
    }

    [SkippableFact]
    public void Difference_needs_the_earlier_one_until_it_is_merged()
    {
        string memory = CreateMemory("ram", 1);
        Snapshot("save", "--memory", memory, PathOf("a")).ShouldEndWith(0);
        Change(memory, 0x345678, "changed");
        JsonElement report = Json("save", "--memory", memory, PathOf("b"), "--since", PathOf("a"), "--json");
        report.GetProperty("changedBytes").GetUInt64().ShouldBe(4096UL);
        report.GetProperty("chain").GetArrayLength().ShouldBe(2);
        report.GetProperty("memoryBytes").GetUInt64().ShouldBe((ulong)Size);
        Snapshot("restore", PathOf("b"), "--memory", PathOf("out")).ShouldEndWith(0);
        Same(memory, PathOf("out"));
        Snapshot("verify", PathOf("b")).Output.ShouldContain("with the 1 snapshot it is a difference to");

        JsonElement difference = Json("diff", PathOf("a"), PathOf("b"), "--json");
        difference.GetProperty("bytes").GetUInt64().ShouldBe(4096UL);
        difference.GetProperty("ranges")[0].GetProperty("base").GetUInt64().ShouldBe(0x345000UL);
        Json("diff", PathOf("b"), "--json").GetProperty("bytes").GetUInt64().ShouldBe(4096UL);
        Snapshot("diff", PathOf("a"), PathOf("a")).Output.ShouldContain("hold the same memory");

        Snapshot("merge", PathOf("a"), PathOf("b"), PathOf("all")).ShouldEndWith(0);
        Snapshot("merge", PathOf("b")).ShouldEndWith(0);
        File.Delete(PathOf("a"));
        foreach (string name in (string[])["all", "b"])
        {
            Snapshot("restore", PathOf(name), "--memory", PathOf("out")).ShouldEndWith(0);
            Same(memory, PathOf("out"));
            Json("info", PathOf(name), "--json")[0].TryGetProperty("parent", out _).ShouldBeFalse();
        }
    }

    [SkippableFact]
    public void Info_draws_where_memory_is_used()
    {
        string memory = PathOf("ram");
        using (FileStream file = File.Create(memory))
        {
            file.SetLength(100 << 20);
            file.Position = 50 << 20;
            byte[] half = new byte[512 << 10];
            Array.Fill(half, (byte)1);
            file.Write(half);
            file.Write(half);
            file.Position = 99 << 20;
            file.WriteByte(1);
        }

        Snapshot("save", "--memory", memory, PathOf("a")).ShouldEndWith(0);
        ToolResult info = Snapshot("info", PathOf("a"));
        info.ShouldEndWith(0);
        info.Output.ShouldContain("1 MiB that are not zero of 100 MiB");
        string bar = info.Output.Split('\n').Single(line => line.StartsWith("  ····", StringComparison.Ordinal) || line.StartsWith("  ....", StringComparison.Ordinal)).Trim();
        bar.Length.ShouldBe(100);
        char unused = bar[0];
        bar.Select((c, i) => (c, i)).Where(cell => cell.c != unused).Select(cell => cell.i).ShouldBe([50, 99]);
    }

    [SkippableFact]
    public void Damage_is_noticed()
    {
        string memory = CreateMemory("ram", 1);
        Snapshot("save", "--memory", memory, PathOf("a")).ShouldEndWith(0);
        Change(PathOf("a"), 5000, "damage");
        ToolResult result = Snapshot("verify", PathOf("a"));
        result.ShouldEndWith(1);
        result.Error.ShouldContain("is damaged: the checksum of the memory from 0x");
        result.Error.Split('\n').Length.ShouldBe(1);
        ToolResult restore = Snapshot("restore", PathOf("a"), "--memory", PathOf("out"));
        restore.ShouldEndWith(1);
        restore.Error.ShouldContain("is damaged");
        File.Exists(PathOf("out")).ShouldBeFalse();
    }

    [SkippableFact]
    public void Wrong_input_is_one_sentence()
    {
        string memory = CreateMemory("ram", 1);
        Snapshot("save", "--memory", memory, PathOf("a")).ShouldEndWith(0);
        File.WriteAllText(PathOf("empty"), "");
        ShouldSay(2, "none: there is no such file", "info", PathOf("none"));
        ShouldSay(2, "none: there is no such file", "save", "--memory", PathOf("none"), PathOf("x"));
        ShouldSay(2, "ram: is no snapshot", "verify", memory);
        ShouldSay(2, "empty: is no snapshot", "restore", PathOf("empty"), "--memory", PathOf("x"));
        ShouldSay(2, "is empty", "save", "--memory", PathOf("empty"), PathOf("x"));
        ShouldSay(2, "is a directory", "save", "--memory", PathOf("."), PathOf("x"));
        ShouldSay(2, "/dev/null: is no regular file", "restore", PathOf("a"), "--memory", "/dev/null");
        ShouldSay(2, "/dev/zero: is no regular file", "save", "--memory", "/dev/zero", PathOf("x"));
        ShouldSay(2, "does not exist", "save", "--memory", memory, PathOf("no/x"));
        ShouldSay(2, "would be a difference to itself", "save", "--memory", memory, PathOf("a"), "--since", PathOf("a"));
        ShouldSay(2, "is a full snapshot", "diff", PathOf("a"));
        ShouldSay(2, "exists already", "merge", PathOf("a"), PathOf("empty"));
        ShouldSay(2, "'--memory' is required", "save", PathOf("x"));
        _folder.Names().ShouldBe(["a", "empty", "ram"]);
    }

    /// <summary>Whatever name it has, and however long the way to it: what is read is there when the command has been refused.</summary>
    [SkippableFact]
    public void What_is_read_is_not_replaced_by_what_becomes_of_it()
    {
        string memory = CreateMemory("ram", 1);
        Snapshot("save", "--memory", memory, PathOf("a")).ShouldEndWith(0);
        File.WriteAllBytes(memory, new byte[8192]);
        Snapshot("save", "--memory", memory, PathOf("b"), "--since", PathOf("a")).ShouldEndWith(0);
        File.CreateSymbolicLink(PathOf("soft"), "ram");
        File.CreateSymbolicLink(PathOf("soft-a"), "a");
        string[] names = [.. _folder.Names()];
        byte[][] contents = [.. ((string[])["ram", "a", "b"]).Select(name => File.ReadAllBytes(PathOf(name)))];

        ShouldSay(2, "ram: holds the memory itself", "save", "--memory", memory, memory);
        ShouldSay(2, "ram: holds the memory itself", "save", "--memory", PathOf("soft"), memory);
        ShouldSay(2, "soft: holds the memory itself", "save", "--memory", memory, PathOf("soft"), "--since", PathOf("a"));
        ShouldSay(2, "a: is what is read", "save", "--memory", PathOf("a"), PathOf("a"));
        ShouldSay(2, "soft-a: is what is read", "save", "--memory", PathOf("b"), PathOf("soft-a"));
        ShouldSay(2, "a: is what is read", "restore", PathOf("a"), "--memory", PathOf("a"));
        ShouldSay(2, "soft-a: is what is read", "restore", PathOf("b"), "--memory", PathOf("soft-a"));
        ShouldSay(2, "a: is a snapshot that this is a difference to", "merge", PathOf("b"), "--output", PathOf("a"));
        foreach ((string input, string output) in ((string, string)[])[("ram", "ram"), ("ram", "soft"), ("soft", "ram"), ("a", "a"), ("b", "a"), ("b", "soft-a")])
        {
            ToolResult result = ToolProcess.Run(["dump", "convert", "--to", "elf", PathOf(input), PathOf(output)]);
            result.ShouldEndWith(2);
            result.Error.ShouldContain($"{output}: is what is read");
        }

        _folder.Names().ShouldBe(names);
        ((string[])["ram", "a", "b"]).Select(name => File.ReadAllBytes(PathOf(name))).ShouldBe(contents);
    }

    private void ShouldSay(int code, string message, params string[] arguments)
    {
        ToolResult result = Snapshot(arguments);
        result.ShouldEndWith(code);
        result.Output.ShouldBeEmpty();
        string[] lines = result.Error.Split('\n');
        lines[0].ShouldStartWith("hyperspan: ");
        lines[0].ShouldContain(message);
        lines.Skip(1).ShouldAllBe(line => line.StartsWith("Try '", StringComparison.Ordinal));
    }

    private static ToolResult Snapshot(params string[] arguments) => ToolProcess.Run(["snapshot", .. arguments]);

    private static JsonElement Json(params string[] arguments)
    {
        ToolResult result = Snapshot(arguments);
        result.ShouldEndWith(0);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private string PathOf(string name) => _folder.PathOf(name);

    private string CreateMemory(string name, int seed)
    {
        string path = _folder.CreateImage(name, Size);
        var random = new Random(seed);
        using FileStream file = File.OpenWrite(path);
        byte[] bytes = new byte[20_000];
        for (int i = 0; i < 40; i++)
        {
            file.Position = random.Next(Size - bytes.Length);
            random.NextBytes(bytes);
            file.Write(bytes.AsSpan(0, random.Next(bytes.Length)));
        }

        return path;
    }

    private static void Change(string path, long offset, string text)
    {
        using FileStream file = File.OpenWrite(path);
        file.Position = offset;
        file.Write(System.Text.Encoding.ASCII.GetBytes(text));
    }

    private static void Same(string one, string two) => File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(two)).ShouldBeTrue();
}
