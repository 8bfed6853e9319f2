using System.Text.Json;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary><c>hyperspan dump</c>, as a user types it.</summary>
public sealed class DumpTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DumpTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Memory_is_the_same_in_every_format()
    {
        byte[] memory = new byte[3 << 20];
        new Random(1).NextBytes(memory.AsSpan(1 << 20, 500_000));
        File.WriteAllBytes(PathOf("ram"), memory);
        Run("snapshot", "save", "--memory", PathOf("ram"), PathOf("snap")).ShouldEndWith(0);
        string[] chain = ["snap", "elf", "lime", "raw", "elf", "raw"];
        string from = PathOf("snap");
        for (int i = 1; i < chain.Length; i++)
        {
            string to = PathOf($"{i}.{chain[i]}");
            Run("dump", "convert", "--to", chain[i], from, to).ShouldEndWith(0);
            from = to;
        }

        File.ReadAllBytes(from).AsSpan().SequenceEqual(memory).ShouldBeTrue();

        // A dump is a source of snapshots as well.
        Run("snapshot", "save", "--memory", PathOf("2.lime"), PathOf("of-lime")).ShouldEndWith(0);
        Run("snapshot", "restore", PathOf("of-lime"), "--memory", PathOf("out")).ShouldEndWith(0);
        File.ReadAllBytes(PathOf("out")).AsSpan().SequenceEqual(memory).ShouldBeTrue();
        Run("snapshot", "save", "--memory", PathOf("snap"), PathOf("of-snap")).ShouldEndWith(0);
    }

    [SkippableFact]
    public void Info_tells_and_draws()
    {
        File.WriteAllBytes(PathOf("ram"), [.. new byte[1 << 20], 1]);
        Run("dump", "convert", "--to", "elf", PathOf("ram"), PathOf("core"), "--skip-zero").ShouldEndWith(0);
        ToolResult info = Run("dump", "info", PathOf("core"));
        info.ShouldEndWith(0);
        info.Output.ShouldContain("core: ELF core, 1 B in 1 segment");
        JsonElement report = JsonDocument.Parse(Run("dump", "info", PathOf("core"), "--json").Output).RootElement;
        report.GetProperty("format").GetString().ShouldBe("elf");
        report.GetProperty("segments")[0].GetProperty("start").GetUInt64().ShouldBe(1UL << 20);
        Run("dump", "info", PathOf("ram")).Output.ShouldContain("bare bytes");
    }

    /// <summary>Every second page is in the file: a bitmap of 128 KiB makes half a million segments. As text all at once they take more than there is here.</summary>
    [SkippableFact]
    public void Millions_of_segments_are_told_as_they_are_found()
    {
        const int Pages = 1 << 20;
        const int Bitmap = Pages / 8;
        const int Block = 4096;
        using (FileStream file = File.Create(PathOf("many")))
        {
            byte[] header = new byte[2 * Block];
            "KDUMP   "u8.CopyTo(header);
            "x86_64\0"u8.CopyTo(header.AsSpan(272));
            foreach ((int at, int value) in ((int, int)[])[(8, 6), (428, Block), (432, 1), (436, 2 * Bitmap / Block), (440, Pages), (Block + 96, Pages)])
            {
                BitConverter.TryWriteBytes(header.AsSpan(at), value);
            }

            file.Write(header);
            foreach (byte value in (byte[])[0xff, 0x55])
            {
                byte[] bitmap = new byte[Bitmap];
                Array.Fill(bitmap, value);
                file.Write(bitmap);
            }

            file.SetLength(file.Length + (Pages / 2 * 24));
        }

        using ToolProcess process = ToolProcess.StartProgram(
            "bash", "-c", "DOTNET_GCHeapHardLimit=0x3000000 dotnet \"$0\" dump info \"$1\" --json | grep -c fileOffset; exit ${PIPESTATUS[0]}",
            Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"), PathOf("many"));
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.ShouldBe($"{Pages / 2}");
    }

    [SkippableFact]
    public void Wrong_input_is_one_sentence()
    {
        File.WriteAllText(PathOf("kdump"), "KDUMP   ");
        File.WriteAllText(PathOf("empty"), "");
        ShouldSay("no-such: there is no such file", "info", PathOf("no-such"));
        ShouldSay("is incomplete", "info", PathOf("kdump"));
        ShouldSay("is empty", "convert", "--to", "elf", PathOf("empty"), PathOf("x"));
        ShouldSay("does not exist", "convert", "--to", "elf", PathOf("kdump"), PathOf("no/x"));
        ShouldSay("'--to' is required", "convert", PathOf("kdump"), PathOf("x"));
        ShouldSay("'zip'", "convert", "--to", "zip", PathOf("kdump"), PathOf("x"));
        _folder.Names().ShouldBe(["empty", "kdump"]);
    }

    private static ToolResult Run(params string[] arguments) => ToolProcess.Run(arguments);

    private void ShouldSay(string message, params string[] arguments)
    {
        ToolResult result = Run(["dump", .. arguments]);
        result.ShouldEndWith(2);
        result.Output.ShouldBeEmpty();
        string[] lines = result.Error.Split('\n');
        lines[0].ShouldStartWith("hyperspan: ");
        lines[0].ShouldContain(message);
    }

    private string PathOf(string name) => _folder.PathOf(name);
}
