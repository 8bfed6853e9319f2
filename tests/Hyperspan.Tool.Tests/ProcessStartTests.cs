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
