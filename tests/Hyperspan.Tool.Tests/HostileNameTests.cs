using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

using Hyperspan.Snapshots;
using Hyperspan.Tool.Output;
using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>Names of files and names that are in files, chosen by somebody who wants to drive the reader's terminal, or to keep it busy.</summary>
public sealed class HostileNameTests : IDisposable
{
    private const string Evil = "x\u001b[2J\u009b31m\u202e\u2028\ny";

    private readonly TemporaryFolder _folder = new();

    public HostileNameTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("plain \u00e9 \ud83d\ude00", "plain \u00e9 \ud83d\ude00")]
    [InlineData(Evil, "x?[2J?31m???y")]
    [InlineData("\udb40\udc41\t", "??")]
    public void What_a_terminal_would_obey_is_not_shown(string text, string shown) => Printable.Of(text).ShouldBe(shown);

    [SkippableFact]
    public async Task Names_in_snapshots_are_text()
    {
        using (var memory = new GuestMemory(new HeapBacking(1 << 20, new HeapBackingOptions { Name = Evil }), "m"))
        {
            memory.Write(0, 1);
            await GuestMemorySnapshot.SaveAsync(memory, PathOf(Evil), new SnapshotSaveOptions { Sections = [new(Evil, new byte[100])] });
            using GuestMemorySnapshot since = GuestMemorySnapshot.Open(PathOf(Evil));
            await GuestMemorySnapshot.SaveAsync(memory, PathOf("later"), new SnapshotSaveOptions { Since = since });
        }

        foreach (string[] arguments in (string[][])[["info", PathOf(Evil), PathOf("later")], ["verify", PathOf(Evil)], ["diff", PathOf("later")], ["merge", PathOf(Evil)]])
        {
            ToolResult result = ToolProcess.Run(["snapshot", .. arguments]);
            result.ShouldEndWith(0);
            ShouldBeText(result.Output);
        }

        ToolResult json = ToolProcess.Run("snapshot", "info", "--json", PathOf(Evil));
        json.ShouldEndWith(0);
        ShouldBeText(json.Output);
        JsonElement report = JsonDocument.Parse(json.Output).RootElement[0];
        report.GetProperty("sections")[0].GetProperty("name").GetString().ShouldBe(Evil);
        report.GetProperty("regions")[0].GetProperty("name").GetString().ShouldBe(Evil);
        report.GetProperty("path").GetString().ShouldBe(PathOf(Evil));
        File.Delete(PathOf(Evil));
        foreach (string name in (string[])["later", Evil])
        {
            ToolResult missing = ToolProcess.Run("snapshot", "info", PathOf(name));
            missing.ShouldEndWith(2);
            missing.Error.Split('\n').ShouldHaveSingleItem();
            ShouldBeText(missing.Error);
        }
    }

    /// <summary>.NET would read another name, which may be that of another file.</summary>
    [SkippableFact]
    public void Names_that_are_no_text_are_refused()
    {
        File.WriteAllBytes(PathOf("ram"), new byte[4096]);
        using ToolProcess process = ToolProcess.StartProgram(
            "bash",
            "-c",
            "dotnet \"$0\" snapshot save --memory \"$1/ram\" \"$1\"/$'a\\xff'",
            Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"),
            PathOf("."));
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(2);
        result.Error.ShouldEndWith("a\ufffd: is no UTF-8, in which names of files are given here");
        _folder.Names().ShouldBe(["ram"]);
    }

    /// <summary>Each region is looked at with each piece of memory, and drawn, no more.</summary>
    [SkippableFact]
    public void Snapshot_of_very_many_regions_is_shown_in_seconds()
    {
        const int Count = 65_000;
        const int Head = 64 + 64;
        byte[] core = new byte[Head + (Count * 56) + 4096];
        "\u007fELF"u8.CopyTo(core);
        core[4] = 2;
        core[5] = 1;
        core[16] = 4;
        core[18] = 62;
        core[32] = Head;
        core[54] = 56;
        BinaryPrimitives.WriteUInt16LittleEndian(core.AsSpan(56), Count);
        core.AsSpan(core.Length - 4096).Fill(1);
        for (int i = 0; i < Count; i++)
        {
            Span<byte> segment = core.AsSpan(Head + (i * 56), 56);
            segment[0] = 1;
            BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], (ulong)core.Length - 4096);
            BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], (ulong)i * 8192);
            BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], 4096);
            BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], 4096);
        }

        File.WriteAllBytes(PathOf("core"), core);
        ToolProcess.Run("snapshot", "save", "--compress", "--memory", PathOf("core"), PathOf("snap")).ShouldEndWith(0);
        var clock = Stopwatch.StartNew();
        ToolResult info = ToolProcess.Run("snapshot", "info", PathOf("snap"));
        info.ShouldEndWith(0);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(15));
        info.Output.Split('\n').Length.ShouldBeLessThan(60);
        info.Output.ShouldContain(string.Create(CultureInfo.InvariantCulture, $"... and {Count - 20:#,0} regions more; --json lists all"));
    }

    private static void ShouldBeText(string output) => Printable.Of(output.Replace('\n', ' ')).ShouldBe(output.Replace('\n', ' '));

    private string PathOf(string name) => _folder.PathOf(name);
}
