using System.Globalization;
using System.Text.RegularExpressions;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>Partitions and machines on a true <c>/dev/kvm</c>, in the nested bed.</summary>
public sealed class KvmTests : IDisposable
{
    private const string Tool = "/dn/dotnet /tool/Hyperspan.Tool.dll";

    private static readonly (string, string) ToolInBed = (Path.GetDirectoryName(BuiltProgram.Find("src/Hyperspan.Tool"))!, "/tool");

    private readonly ITestOutputHelper _output;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hyperspan-kvm");

    public KvmTests(ITestOutputHelper output)
    {
        _output = output;
        Skip.If(
            !TestBed.Required && Environment.GetEnvironmentVariable("HYPERSPAN_NESTED_BED") is null,
            "a machine inside a machine takes minutes: HYPERSPAN_E2E_REQUIRED=1 or HYPERSPAN_NESTED_BED tries it, as .ci/run does");
        Skip.If(NestedBed.Script is null, "the nested bed is not there: HYPERSPAN_NESTED_BED names its script");
        Skip.If(TestBed.Missing is not null, TestBed.Missing);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [SkippableFact]
    public async Task Debian_boots_with_two_processors_verifies_its_disks_and_turns_itself_off()
    {
        DiskImage first = DiskImage.CreateRandom(Folder("first"), 8, seed: 51);
        DiskImage second = DiskImage.CreateRandom(Folder("second"), 2, seed: 52);
        string initrd = WriteInitrd(
            """
            echo "kernel $(uname -r)"
            echo "processors $(grep -c ^processor /proc/cpuinfo)"
            echo "memory $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB, above 4 GiB: $(grep -c '^1[0-9a-f]*-.*System RAM' /proc/iomem)"
            echo "first $(sha256sum < /dev/vda | cut -c1-64)"
            echo "second $(sha256sum < /dev/vdb | cut -c1-64), read-only $(cat /sys/block/vdb/ro)"
            echo "entropy of $(cat /sys/class/misc/hw_random/rng_current): $(dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | wc -c) bytes"
            dd if=/dev/zero of=/dev/vda bs=4096 count=16 seek=4 conv=fsync 2>/dev/null
            """);

        (int code, string text) = await NestedBed.RunAsync(
            NestedBed.Patience,
            [ToolInBed, (TestBed.Kernel, "/b/vmlinuz"), (initrd, "/b/initrd"), (first.Path, "/b/first"), (second.Path, "/b/second")],
            "sh",
            "-c",
            $"{Tool} run --kernel /b/vmlinuz --initrd /b/initrd --append 'console=ttyS0 quiet panic=-1' --memory 4G --processors 2 --disk /b/first "
            + "--disk /b/second,readonly --no-reboot --statistics; echo ended with $?; dd if=/b/first bs=4096 skip=4 count=16 2>/dev/null | tr -d '\\0' | wc -c");

        _output.WriteLine(text);
        code.ShouldBe(0, text);
        text.ShouldContain("processors 2");
        int.Parse(Regex.Match(text, @"memory (\d+) MiB, above 4 GiB: 1").Groups[1].Value, CultureInfo.InvariantCulture).ShouldBeInRange(3800, 4096);
        text.ShouldContain("first " + first.Sha256());
        text.ShouldContain($"second {second.Sha256()}, read-only 1");
        text.ShouldContain("entropy of virtio_rng.0: 64 bytes");
        text.ShouldContain("PoweredOff after");
        text.ShouldContain("ended with 0\n0\n", customMessage: "what the guest wrote is in the image");
    }

    [SkippableFact]
    public async Task A_virtio_console_leads_to_the_standard_streams()
    {
        DiskImage disk = DiskImage.CreateRandom(Folder("disk"), 1, seed: 53);
        string initrd = WriteInitrd(
            """
            exec < /dev/hvc0 > /dev/hvc0
            echo "say something"
            read -r line
            echo "the guest read: $line"
            """);

        (int code, string text) = await NestedBed.RunAsync(
            NestedBed.Patience,
            [ToolInBed, (TestBed.Kernel, "/b/vmlinuz"), (initrd, "/b/initrd"), (disk.Path, "/b/disk")],
            "sh",
            "-c",
            $"mkfifo /b/in; {Tool} run --kernel /b/vmlinuz --initrd /b/initrd --append 'console=ttyS0 quiet panic=-1' --memory 256M --disk /b/disk "
            + "--console unix:/b/serial --virtio-console stdio --no-reboot < /b/in > /b/out & "
            + "exec 3> /b/in; until grep -q something /b/out; do sleep 1; done; echo 'Good morning' >&3; wait $!; echo ended with $?; cat /b/out");

        _output.WriteLine(text);
        code.ShouldBe(0, text);
        text.ShouldContain("say something");
        text.ShouldContain("the guest read: Good morning");
        text.ShouldContain("ended with 0");
    }

    /// <summary>A terminal for the second machine is made by the first: the other end of its console.</summary>
    [SkippableFact]
    public async Task Terminals_lead_to_the_console_and_are_put_back_as_they_were()
    {
        // Sends back what comes (the port of data is 0x3f8, bit 0 of 0x3fd says that there is something); "q" turns the machine off (port 0x600).
        byte[] echo =
        [
            0xba, 0xfd, 0x03, 0x00, 0x00, // mov edx, 0x3fd
            0xec, // in al, dx
            0xa8, 0x01, // test al, 1
            0x74, 0xf6, // jz 0
            0xba, 0xf8, 0x03, 0x00, 0x00, // mov edx, 0x3f8
            0xec, // in al, dx
            0xee, // out dx, al
            0x3c, 0x71, // cmp al, 'q'
            0x75, 0xeb, // jne 0
            0xba, 0x00, 0x06, 0x00, 0x00, // mov edx, 0x600
            0xb0, 0x34, // mov al, 0x34
            0xee, // out dx, al
            0xf4, // hlt
        ];
        File.WriteAllBytes(Path.Combine(_folder.FullName, "echo"), echo);
        File.WriteAllBytes(Path.Combine(_folder.FullName, "quiet"), [0xf4, 0xeb, 0xfd]); // hlt, again and again
        string script = $$"""
            mkdir -p /dev/pts
            mount -t devpts devpts /dev/pts
            wait_for() { n=0; until eval "$1"; do n=$((n + 1)); [ $n -lt 600 ] || { echo "in vain: $1"; exit 9; }; sleep 0.2; done; }
            run() { exec {{Tool}} run --memory 16M --kernel "$@"; }

            run /b/echo --console pty 2> /b/first & p=$!
            wait_for 'grep -q "console: /dev/pts/" /b/first'
            pty=$(sed -n 's/console: //p' /b/first)
            exec 3<> $pty
            stty -F $pty raw -echo
            echo "Good morning" >&3
            echo "sent back: $(dd bs=1 count=13 <&3 2>/dev/null)"
            echo q >&3
            wait $p; echo "turned off with $?"
            exec 3>&-

            run /b/quiet --console pty 2> /b/second & holder=$!
            wait_for 'grep -q "console: /dev/pts/" /b/second'
            pty=$(sed -n 's/console: //p' /b/second)
            stty -F $pty sane
            before=$(stty -F $pty -g)
            # It is who signals that runs beside the shell: what does ignores two of the signals.
            for signal in INT TERM HUP QUIT; do
                (wait_for '[ "$(stty -F $pty -g)" != $before ]'; kill -$signal $(cat /b/pid)) &
                sh -c 'echo $$ > /b/pid; exec {{Tool}} run --memory 16M --kernel /b/quiet' < $pty > /b/out; code=$?
                [ "$(stty -F $pty -g)" = $before ] && echo "$signal: ended with $code, put back" || echo "$signal: ended with $code, $(stty -F $pty -a)"
            done

            (run /b/none < $pty); echo "no kernel: $?"
            [ "$(stty -F $pty -g)" = $before ] && echo "not touched"
            kill -TERM $holder; wait $holder; echo "holder ended with $?"
            """;
        File.WriteAllText(Path.Combine(_folder.FullName, "script"), script.ReplaceLineEndings("\n"));

        (int code, string text) = await NestedBed.RunAsync(
            NestedBed.Patience,
            [ToolInBed, .. ((string[])["echo", "quiet", "script"]).Select(name => (Path.Combine(_folder.FullName, name), "/b/" + name))],
            "sh",
            "/b/script");

        _output.WriteLine(text);
        code.ShouldBe(0, text);
        text.ShouldContain("sent back: Good morning");
        text.ShouldContain("turned off with 0");
        foreach (string signal in (string[])["INT", "TERM", "HUP", "QUIT"])
        {
            text.ShouldContain($"{signal}: ended with 130, put back");
        }

        text.ShouldContain("no kernel: 2");
        text.ShouldContain("not touched");
        text.ShouldContain("holder ended with 130");
    }

    /// <summary>The guest verifies its disk and a file in its memory over and over, on two processors, while it is saved and goes on; with HYPERSPAN_LONG=1 fifty times.</summary>
    [SkippableFact]
    public async Task A_Debian_that_verifies_its_memory_and_disk_is_saved_and_goes_on()
    {
        int cycles = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? 50 : 4;
        DiskImage disk = DiskImage.CreateRandom(Folder("disk"), 1, seed: 54);
        string initrd = WriteInitrd(
            """
            dd if=/dev/urandom of=/file bs=64k count=16 2>/dev/null
            sum=$(sha256sum < /file)
            n=0
            verify() {
                [ "$(sha256sum < /file)" = "$sum" ] || echo WRONG memory
                dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum | cut -c1-64 > /sum
            }
            while true; do
                verify & wait $!
                n=$((n + 1))
                echo "round $n $(cat /sum)"
                if read -r -t 1 line && [ "$line" = end ]; then break; fi
            done
            """);

        (int code, string text) = await NestedBed.RunAsync(
            NestedBed.Patience + (cycles * 60),
            [ToolInBed, (TestBed.Kernel, "/b/vmlinuz"), (initrd, "/b/initrd"), (disk.Path, "/b/disk")],
            "sh",
            "-c",
            $"run() {{ {Tool} run --disk /b/disk --no-reboot --statistics \"$@\" < /b/in > /b/out 2>> /b/log & p=$!; exec 3> /b/in; }}; "
            + "rounds() { n=0; until [ $(grep -c round /b/out) -ge $1 ]; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; sleep 0.2; done; }; "
            + "mkfifo /b/in; run --kernel /b/vmlinuz --initrd /b/initrd --append 'console=ttyS0 quiet panic=-1' --memory 256M --processors 2 --save /b/saved; "
            + $"rounds 2; i=0; while [ $i -lt {cycles} ]; do kill -TERM $p; wait $p; echo \"saved with $?\"; cat /b/out >> /b/all; i=$((i + 1)); "
            + "run --restore /b/saved --save /b/saved; rounds 2; done; echo end >&3; wait $p; echo \"ended with $?\"; cat /b/all /b/out; tail -30 /b/log");

        _output.WriteLine(text);
        code.ShouldBe(0, text);
        Regex.Count(text, "saved with 0").ShouldBe(cycles, text);
        text.ShouldContain("ended with 0");
        text.ShouldContain("PoweredOff after");
        text.ShouldNotContain("WRONG");
        MatchCollection rounds = Regex.Matches(text, @"round (\d+) ([0-9a-f]{64})\r?\n");
        rounds.Count.ShouldBeGreaterThanOrEqualTo(2 * (cycles + 1));
        rounds.ShouldAllBe(round => round.Groups[2].Value == disk.Sha256());
        IEnumerable<int> numbers = rounds.Select(static round => int.Parse(round.Groups[1].Value, CultureInfo.InvariantCulture));
        numbers.ShouldBe(Enumerable.Range(1, rounds.Count), "none is lost, and none comes twice");
    }

    [SkippableFact]
    public async Task What_cannot_be_run_is_said_in_one_line_with_status_2()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "text"), "no kernel");
        (int _, string text) = await NestedBed.RunAsync(
            NestedBed.Patience,
            [ToolInBed, (TestBed.Kernel, "/b/vmlinuz"), (Path.Combine(_folder.FullName, "text"), "/b/text")],
            "sh",
            "-c",
            $"try() {{ {Tool} run \"$@\"; echo \"status $?\"; }}; try --kernel /b/text; try --kernel /b/none; try --kernel /b/vmlinuz --memory 100T; "
            + "try --kernel /b/vmlinuz --memory 8M; try --kernel /b/vmlinuz --disk /b/none; rm /dev/kvm; try --kernel /b/vmlinuz");

        _output.WriteLine(text);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Count(line => line == "status 2").ShouldBe(6, text);
        lines.Length.ShouldBe(12, text);
        lines.Where(line => line != "status 2").ShouldAllBe(line => line.StartsWith("hyperspan: ", StringComparison.Ordinal));
        text.ShouldContain("/b/text is no kernel, but text");
        text.ShouldContain("needs memory up to");
        text.ShouldContain("/dev/kvm: ENOENT");
    }

    [SkippableFact]
    public async Task Tests_of_partitions_pass()
    {
        string tests = Path.GetDirectoryName(BuiltProgram.Find("tests/Hyperspan.Kvm.Tests"))!;
        (int code, string text) = await NestedBed.RunAsync(
            NestedBed.Patience,
            [(tests, "/t")],
            "/dn/dotnet",
            "/t/Hyperspan.Kvm.Tests.dll",
            "ExitTests",
            "MemorySlotTests",
            "DoorbellTests",
            "DirtyLogTests",
            "LiveSaveTests",
            "RegisterTests",
            "InterruptionTests",
            "VirtualMachineTests",
            "MachineStateTests");
        _output.WriteLine(text);
        code.ShouldBe(0, text);
        text.ShouldContain(" 0 failed, 0 skipped");
    }

    private string Folder(string name) => _folder.CreateSubdirectory(name).FullName;

    private string WriteInitrd(string script)
    {
        string[] modules = ["virtio_ring", "virtio", "virtio_mmio", "virtio_blk", "virtio-rng", "virtio_console"];
        var archive = new CpioArchive();
        foreach (string folder in (string[])["bin", "dev", "proc", "sys", "modules"])
        {
            archive.AddDirectory(folder);
        }

        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddFile("bin/busybox", File.ReadAllBytes(TestBed.Program("busybox")!));
        foreach (string module in modules)
        {
            archive.AddFile($"modules/{module}.ko", File.ReadAllBytes(TestBed.Module(module)));
        }

        archive.AddFile("init", $"""
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            export PATH=/bin
            mount -t proc proc /proc
            mount -t sysfs sysfs /sys
            mount -t devtmpfs dev /dev
            for module in {string.Join(' ', modules)}; do insmod /modules/$module.ko; done
            until [ -b /dev/vda ]; do sleep 0.1; done
            {script.ReplaceLineEndings("\n")}
            poweroff -f

            """);
        string path = Path.Combine(_folder.FullName, "initrd");
        File.WriteAllBytes(path, archive.ToArray());
        return path;
    }
}
