using Hyperspan.Kvm;
using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>The command in a process that was started poorly: few files, closed or full streams. It says so in one line where it can, and never aborts.</summary>
public sealed class ProcessStartTests : IDisposable
{
    private const int Terminate = 15;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData(26, "doctor")]
    [InlineData(33, "demo --json")]
    [InlineData(50, "--version")]
    [InlineData(127, "serve block --socket s --image i")]
    public void Too_few_open_files_are_one_line(int files, string arguments)
    {
        using ToolProcess process = InShell($"ulimit -n {files}", arguments, "");
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(1);
        result.Output.ShouldBeEmpty();
        result.Error.TrimEnd().ShouldBe("hyperspan: too few open files are allowed: at least 128 are needed (ulimit -n 128)");
    }

    [LinuxTheory]
    [InlineData("doctor")]
    [InlineData("demo")]
    public void The_fewest_open_files_are_enough(string arguments)
    {
        using ToolProcess process = InShell("ulimit -n 128", arguments, "");
        process.WaitForExit().ShouldEndWith(0);
    }

    [LinuxTheory]
    [InlineData("2>&-")]
    [InlineData("1>&-")]
    [InlineData("0<&- 1>&- 2>&-")]
    [InlineData("2>/dev/full")]
    [InlineData(">/dev/full 2>/dev/full")]
    [InlineData("0>/dev/null 1</dev/null 2</dev/null")]
    public void A_server_whose_streams_are_closed_or_full_serves_and_ends_in_order(string streams)
    {
        string socket = _folder.PathOf("s");
        string image = _folder.CreateImage("disk.img", 1 << 20);
        using ToolProcess server = InShell(":", $"serve block --socket {socket} --image {image}", streams);
        using (Guest guest = Connect(socket, server))
        {
            guest.Memory.Write(0x8_0000, 0x1122334455667788UL);
            guest.Disk.Write(1, 0x8_0000, 512).ShouldBe(Virtio.BlockStatus.Ok);
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        File.Exists(socket).ShouldBeFalse();
        BitConverter.ToUInt64(File.ReadAllBytes(image), 512).ShouldBe(0x1122334455667788UL);
    }

    [LinuxTheory]
    [InlineData("doctor", ">/dev/full", 1)]
    [InlineData("serve block --print-capabilities", ">/dev/full", 1)]
    [InlineData("demo --json", ">/dev/full", 1)]
    [InlineData("demo", "1>&-", 0)]
    [InlineData("doctor --json", "1>&-", 0)]
    [InlineData("doctor", "1</dev/null", 0)]
    [InlineData("doctor", "0<&- 1>&- 2>&-", 0)]
    [InlineData("--help", "2>&-", 0)]
    public void Commands_whose_streams_are_closed_or_full_end(string arguments, string streams, int code)
    {
        using ToolProcess process = InShell(":", arguments, streams);
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(code);
        result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(code == 0 ? 0 : 1, result.Error);
    }

    [LinuxTheory]
    [InlineData("--version")]
    [InlineData("--help")]
    [InlineData("snapshot save --help")]
    [InlineData("serve")]
    [InlineData("completion bash")]
    [InlineData("doctor")]
    [InlineData("doctor --json")]
    [InlineData("demo")]
    [InlineData("dump info FILE")]
    [InlineData("dump info --json FILE")]
    [InlineData("snapshot info SNAPSHOT")]
    [InlineData("snapshot verify SNAPSHOT --json")]
    [InlineData("snapshot diff SNAPSHOT SNAPSHOT")]
    [InlineData("snapshot restore SNAPSHOT --memory OUT")]
    [InlineData("[suggest:6]")]
    public void Standard_output_that_is_full_is_named_and_a_pipe_that_nobody_reads_is_not(string arguments)
    {
        string file = _folder.CreateImage("file", 1 << 16);
        string snapshot = _folder.PathOf("snapshot");
        ToolProcess.Run("snapshot", "save", "--memory", file, snapshot).ShouldEndWith(0);
        string words = arguments
            .Replace("FILE", file, StringComparison.Ordinal)
            .Replace("SNAPSHOT", snapshot, StringComparison.Ordinal)
            .Replace("OUT", _folder.PathOf("out"), StringComparison.Ordinal);
        using ToolProcess full = InShell(":", words, ">/dev/full");
        ToolResult result = full.WaitForExit();
        result.ShouldEndWith(1);
        result.Error.ShouldBe("hyperspan: standard output cannot be written: No space left on device");

        using ToolProcess pipe = ToolProcess.StartProgram(
            "bash", "-c", $"'{Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool")}' {words} | true; exit ${{PIPESTATUS[0]}}");
        result = pipe.WaitForExit();
        result.ShouldEndWith(arguments == "serve" ? 2 : 0);
        result.Error.ShouldBeEmpty();
    }

    /// <summary>.NET's own memory for code is a file as well: it is told not to make it.</summary>
    [LinuxTheory]
    [InlineData("snapshot save --memory FILE OUT")]
    [InlineData("dump convert --to elf FILE OUT")]
    [InlineData("dump convert --to kdump FILE OUT")]
    [InlineData("snapshot restore SNAPSHOT --memory OUT")]
    public void A_file_that_becomes_longer_than_is_allowed_is_a_write_that_fails(string arguments)
    {
        byte[] bytes = new byte[1 << 20];
        new Random(3).NextBytes(bytes);
        File.WriteAllBytes(_folder.PathOf("file"), bytes);
        ToolProcess.Run("snapshot", "save", "--memory", _folder.PathOf("file"), _folder.PathOf("snapshot")).ShouldEndWith(0);
        string words = arguments
            .Replace("FILE", _folder.PathOf("file"), StringComparison.Ordinal)
            .Replace("SNAPSHOT", _folder.PathOf("snapshot"), StringComparison.Ordinal)
            .Replace("OUT", _folder.PathOf("out"), StringComparison.Ordinal);
        using ToolProcess process = InShell("ulimit -f 200; export DOTNET_EnableWriteXorExecute=0", words, "");
        ToolResult result = process.WaitForExit();
        result.ShouldEndWith(1);
        result.Error.Split('\n').ShouldHaveSingleItem().ShouldBe($"hyperspan: File too large : '{_folder.PathOf("out")}'");
        _folder.Names().ShouldBe(["file", "snapshot"]);
    }

    [LinuxFact]
    public void A_disk_that_becomes_longer_than_is_allowed_fails_that_write_and_is_served_on()
    {
        string socket = _folder.PathOf("s");
        string image = _folder.CreateImage("disk.img", 1 << 20);
        using ToolProcess server = InShell("ulimit -f 200; export DOTNET_EnableWriteXorExecute=0", $"serve block --socket {socket} --image {image}", "");
        using (Guest guest = Connect(socket, server))
        {
            guest.Disk.Write(1000, 0x8_0000, 4096).ShouldBe(Virtio.BlockStatus.IoError);
            guest.Disk.Write(1, 0x8_0000, 4096).ShouldBe(Virtio.BlockStatus.Ok);
        }

        server.Signal(Terminate);
        server.WaitForExit();
    }

    [LinuxTheory]
    [InlineData("nonsense")]
    [InlineData("run")]
    [InlineData("snapshot info /none/x")]
    public void Standard_error_that_is_full_or_not_open_for_writing_does_not_change_the_exit_code(string arguments)
    {
        foreach (string streams in (string[])["2>/dev/full", "2</dev/null"])
        {
            using ToolProcess process = InShell(":", arguments, streams);
            process.WaitForExit().ShouldEndWith(2);
        }
    }

    /// <summary>A closed stream is by then a pipe of the runtime's own: what a guest says must not be written there, nor what is there be typed to it.</summary>
    [SkippableTheory]
    [InlineData("1>&-")]
    [InlineData("0<&- 1>&- 2>&-")]
    [InlineData("1</dev/null")]
    [InlineData("0>/dev/null")]
    [InlineData("0</")]
    public void A_guest_whose_console_leads_to_streams_that_are_closed_or_open_the_wrong_way_runs(string streams)
    {
        Skip.If(KvmPartition.WhyNot() is not null, "there is no KVM");

        // Writes a byte to the serial port, then the code to turn the machine off to its port.
        File.WriteAllBytes(_folder.PathOf("k"), Convert.FromHexString("66BAF803B06FEE66BA0006B034EEF4"));
        using ToolProcess process = InShell(":", $"run --kernel {_folder.PathOf("k")} --memory 4M", streams);
        process.WaitForExit().ShouldEndWith(0);
    }

    [LinuxTheory]
    [InlineData("SEGV,BUS")]
    [InlineData("BUS")]
    public void Signals_of_faults_that_the_parent_blocks_do_not_end_it(string signals)
    {
        // Guest memory is truncated under the device.
        using ToolProcess demo = ToolProcess.StartProgram("env", "--block-signal=" + signals, Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool"), "demo", "--json");
        demo.WaitForExit().ShouldEndWith(0);
    }

    /// <summary>Connects as soon as it listens: the socket is there a moment before.</summary>
    private static Guest Connect(string socket, ToolProcess server)
    {
        while (true)
        {
            try
            {
                return new Guest(socket);
            }
            catch (System.Net.Sockets.SocketException)
            {
                server.HasExited.ShouldBeFalse();
                Thread.Sleep(10);
            }
        }
    }

    private static ToolProcess InShell(string first, string arguments, string streams)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool");
        return ToolProcess.StartProgram("/bin/sh", "-c", $"{first}; exec '{program}' {arguments} {streams}");
    }
}
