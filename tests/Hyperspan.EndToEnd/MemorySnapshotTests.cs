using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>The memory of a paused guest is saved by the command, restored, and goes on in a second QEMU.</summary>
public sealed class MemorySnapshotTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData("qemu-system-x86_64")]
    [InlineData("qemu10-system-x86_64")]
    public async Task Guest_goes_on_from_a_snapshot_in_another_QEMU(string name)
    {
        Require();
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        string folder = Directory.CreateTempSubdirectory("hs-").FullName;
        string memory = CreateMemoryFolder(folder);
        try
        {
            await using MemoryFileMachine one = await MemoryFileMachine.StartAsync(folder, "one", qemu!, $"{memory}/one", isIncoming: false);
            string checksum;
            try
            {
                checksum = (await one.WaitForAsync("begin"))[1];
                await one.WaitForAsync("round");
                await one.Monitor.ExecuteAsync("stop");
                Run("snapshot", "save", "--memory", $"{memory}/one", $"{folder}/base.snap");

                // On for a while: what follows is a difference.
                await one.Monitor.ExecuteAsync("cont");
                await one.WaitForAsync("round");
                await one.WaitForAsync("round");
                await one.Monitor.ExecuteAsync("stop");
                await one.SaveDevicesAsync($"{folder}/devices");
                Run("snapshot", "save", "--memory", $"{memory}/one", $"{folder}/next.snap", "--since", $"{folder}/base.snap", "--compress");
            }
            finally
            {
                output.WriteLine(one.Log);
            }

            // What it has said is more than what was waited for.
            await one.DisposeAsync();
            int rounds = one.Log.Split('\n').Select(line => line.Split(' ')).Where(words => words is ["HS:MARK", "round", ..])
                .Max(words => int.Parse(words[2], CultureInfo.InvariantCulture));
            Run("snapshot", "verify", $"{folder}/next.snap");
            new FileInfo($"{folder}/base.snap").Length.ShouldBeLessThan((long)MemoryFileMachine.MemoryMiB << 20);
            Run("snapshot", "restore", $"{folder}/next.snap", "--memory", $"{memory}/two");
            Same($"{memory}/one", $"{memory}/two");
            File.Delete($"{memory}/one");

            await using MemoryFileMachine two = await MemoryFileMachine.StartAsync(folder, "two", qemu!, $"{memory}/two", isIncoming: true);
            try
            {
                await two.RestoreDevicesAsync($"{folder}/devices");
                await two.Monitor.ExecuteAsync("cont");
                for (int i = 0; i < 3; i++)
                {
                    // The round under way when it was stopped may have been told to nobody.
                    string[] round = await two.WaitForAsync("round");
                    int.Parse(round[1], CultureInfo.InvariantCulture).ShouldBeInRange(rounds + 1 + i, rounds + 3 + i);
                    round[2].ShouldBe(checksum);
                }
            }
            finally
            {
                output.WriteLine(two.Log);
            }
        }
        finally
        {
            Directory.Delete(memory, recursive: true);
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableFact]
    public async Task Dump_of_QEMU_is_the_memory_of_the_guest()
    {
        Require();
        string folder = Directory.CreateTempSubdirectory("hs-").FullName;
        string memory = CreateMemoryFolder(folder);
        try
        {
            await using MemoryFileMachine machine = await MemoryFileMachine.StartAsync(folder, "one", TestBed.Qemu, $"{memory}/one", isIncoming: false);
            await machine.WaitForAsync("round");
            await machine.Monitor.ExecuteAsync("stop");
            await machine.Monitor.ExecuteAsync(
                "dump-guest-memory", new JsonObject { ["paging"] = false, ["protocol"] = $"file:{folder}/core", ["detach"] = false });
            Run("snapshot", "save", "--memory", $"{memory}/one", $"{folder}/a.snap");
            Run("dump", "info", $"{folder}/core");
            Run("dump", "convert", "--to", "raw", $"{folder}/core", $"{folder}/core.raw");
            Run("dump", "convert", "--to", "lime", $"{folder}/core", $"{folder}/core.lime");
            Run("dump", "convert", "--to", "elf", $"{folder}/core.lime", $"{folder}/again");
            Run("dump", "convert", "--to", "raw", $"{folder}/again", $"{folder}/again.raw");
            Run("dump", "convert", "--to", "elf", $"{folder}/a.snap", $"{folder}/guest.core");
            Same($"{folder}/core.raw", $"{folder}/again.raw");

            // The memory file has nothing at the addresses of the video memory, and QEMU's dump the firmware there and below 4 GiB.
            byte[] low = new byte[0xa0000];
            byte[] dumped = new byte[low.Length];
            using (FileStream file = File.OpenRead($"{memory}/one"))
            using (FileStream raw = File.OpenRead($"{folder}/core.raw"))
            {
                file.ReadExactly(low);
                raw.ReadExactly(dumped);
                low.AsSpan().SequenceEqual(dumped).ShouldBeTrue();
                byte[] high = new byte[32 << 20];
                byte[] dumpedHigh = new byte[high.Length];
                file.Position = raw.Position = 16 << 20;
                file.ReadExactly(high);
                raw.ReadExactly(dumpedHigh);
                high.AsSpan().SequenceEqual(dumpedHigh).ShouldBeTrue();
            }

            // The kernel's own note was found in its memory.
            Run("dump", "info", $"{folder}/guest.core").ShouldContain("kernel 6.");

            // Compressed, it is the same to us and to others: drgn reads the memory by libkdumpfile, makedumpfile finds what the kernel said.
            Run("dump", "convert", "--to", "kdump", $"{folder}/a.snap", $"{folder}/guest.kdump");
            Run("dump", "convert", "--to", "raw", $"{folder}/guest.kdump", $"{folder}/guest.raw");
            Run("dump", "convert", "--to", "raw", $"{folder}/a.snap", $"{folder}/snap.raw");
            Same($"{folder}/snap.raw", $"{folder}/guest.raw");
            string script =
                $"import drgn; p = drgn.Program(); p.set_core_dump('{folder}/guest.kdump'); raw = open('{folder}/snap.raw', 'rb')\n"
                + "for at in list(range(0, 0xa0000, 0x1008)) + list(range(16 << 20, 48 << 20, 0x11008)):\n    raw.seek(at); assert p.read(at, 64, True) == raw.read(64), hex(at)\n"
                + "print('the same,', p.platform)";
            Program("/usr/bin/python3", "-c", script).ShouldContain("the same, Platform(<Architecture.X86_64");
            Program("makedumpfile", "--dump-dmesg", $"{folder}/guest.kdump", $"{folder}/messages");
            File.ReadAllText($"{folder}/messages").ShouldContain("Linux version 6.");
        }
        finally
        {
            Directory.Delete(memory, recursive: true);
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData("qemu52-system-x86_64", "kdump-zlib")]
    [InlineData("qemu-system-x86_64", "kdump-zlib")]
    [InlineData("qemu10-system-x86_64", "kdump-zlib", "kdump-raw-zlib")]
    public async Task Compressed_dump_of_QEMU_is_that_which_is_not(string name, params string[] formats)
    {
        Require();
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        string folder = Directory.CreateTempSubdirectory("hs-").FullName;
        string memory = CreateMemoryFolder(folder);
        try
        {
            await using MemoryFileMachine machine = await MemoryFileMachine.StartAsync(folder, "one", qemu!, $"{memory}/one", isIncoming: false);
            await machine.WaitForAsync("round");
            await machine.Monitor.ExecuteAsync("stop");
            await machine.Monitor.ExecuteAsync(
                "dump-guest-memory", new JsonObject { ["paging"] = false, ["protocol"] = $"file:{folder}/core", ["detach"] = false });
            Run("dump", "convert", "--to", "raw", $"{folder}/core", $"{folder}/core.raw");
            foreach (string format in formats)
            {
                string dump = $"{folder}/{format}";
                await machine.Monitor.ExecuteAsync(
                    "dump-guest-memory", new JsonObject { ["paging"] = false, ["protocol"] = $"file:{dump}", ["detach"] = false, ["format"] = format });
                new FileInfo(dump).Length.ShouldBeLessThan(new FileInfo($"{folder}/core").Length / 2);
                Run("dump", "info", dump).ShouldContain("compressed kdump");
                Run("dump", "convert", "--to", "raw", dump, dump + ".raw");
                Same($"{folder}/core.raw", dump + ".raw");
            }
        }
        finally
        {
            Directory.Delete(memory, recursive: true);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Require()
    {
        if (TestBed.Required)
        {
            TestBed.Missing.ShouldBeNull();
        }

        Skip.If(TestBed.Missing is not null, TestBed.Missing);
        Skip.If(HyperspanBackend.Assembly is null, "src/Hyperspan.Tool is not there yet");
    }

    /// <summary>In memory, where there is such a folder.</summary>
    private static string CreateMemoryFolder(string folder)
    {
        string parent = Directory.Exists("/dev/shm") ? "/dev/shm" : folder;
        return Directory.CreateDirectory(Path.Combine(parent, Path.GetFileName(folder) + "-memory")).FullName;
    }

    private string Run(params string[] arguments)
    {
        string program = HyperspanBackend.Assembly!;
        return program.EndsWith(".dll", StringComparison.Ordinal) ? Program("dotnet", [program, .. arguments]) : Program(program, arguments);
    }

    private string Program(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        output.WriteLine($"{program} {string.Join(' ', arguments)}\n{said}{error.Result}");
        process.ExitCode.ShouldBe(0, error.Result);
        return said;
    }

    private static void Same(string one, string two)
    {
        using FileStream first = File.OpenRead(one);
        using FileStream second = File.OpenRead(two);
        first.Length.ShouldBe(second.Length);
        byte[] a = new byte[1 << 20];
        byte[] b = new byte[a.Length];
        for (long done = 0; done < first.Length; done += a.Length)
        {
            int length = first.ReadAtLeast(a, a.Length, throwOnEndOfStream: false);
            second.ReadAtLeast(b, a.Length, throwOnEndOfStream: false).ShouldBe(length);
            a.AsSpan(0, length).SequenceEqual(b.AsSpan(0, length)).ShouldBeTrue($"near 0x{done:x}");
        }
    }
}
