using System.Diagnostics;
using System.Security.Cryptography;
using Hyperspan.Testing;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>The server as a process, with a front end in this one.</summary>
public sealed class ServeTests : IDisposable
{
    private const int Terminate = 15;
    private const int Interrupt = 2;
    private const int HangUp = 1;
    private const int Size = 4 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData(Interrupt)]
    [InlineData(Terminate)]
    [InlineData(HangUp)]
    public void Signal_ends_it_in_order(int signal)
    {
        using ToolProcess server = Start(out string socket, out _);
        File.Exists(socket).ShouldBeTrue();
        server.Signal(signal);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        File.Exists(socket).ShouldBeFalse();
        result.Error.ShouldContain("done: 0 connections");
    }

    [LinuxFact]
    public void Output_is_the_line_for_qemu_and_the_log_is_plain()
    {
        using ToolProcess server = Start(out string socket, out _, "--queues", "3");
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.Output.ShouldContain($"socket,id=disk,path={socket} -device vhost-user-blk-pci,chardev=disk,num-queues=3");
        result.Output.ShouldNotContain("\u001b");
        result.Error.ShouldNotContain("\u001b");
        result.Error.Split('\n').ShouldAllBe(line => line.Length > 24 && line[10] == 'T' && line[23] == 'Z');
    }

    [LinuxFact]
    public void Front_end_writes_and_reads_and_the_image_has_it_after_the_end()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(64 << 10);
        using ToolProcess server = Start(out string socket, out string image, "--id", "SERIAL1", "--queues", "2");
        using (var guest = new Guest(socket))
        {
            guest.Disk.GetId(Data, out string id).ShouldBe(BlockStatus.Ok);
            id.ShouldBe("SERIAL1");
            guest.FrontEnd.GetQueueCount().ShouldBe(2UL);
            guest.Memory.Write(Data, bytes);
            guest.Disk.Write(8, Data, (uint)bytes.Length).ShouldBe(BlockStatus.Ok);
            guest.Memory.Clear(Data, (ulong)bytes.Length);
            guest.Disk.Read(8, Data, (uint)bytes.Length).ShouldBe(BlockStatus.Ok);
            byte[] read = new byte[bytes.Length];
            guest.Memory.Read(Data, read);
            read.ShouldBe(bytes);

            // It ends with the front end still there.
            server.Signal(Terminate);
            ToolResult result = server.WaitForExit();
            result.ShouldEndWith(0);
            result.Error.ShouldContain("done: 1 connection, 3 requests");
        }

        File.ReadAllBytes(image).AsSpan(8 * 512, bytes.Length).SequenceEqual(bytes).ShouldBeTrue();
    }

    [LinuxFact]
    public void One_front_end_after_the_other_is_served()
    {
        using ToolProcess server = Start(out string socket, out _);
        for (int i = 0; i < 3; i++)
        {
            using var guest = new Guest(socket);
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("done: 3 connections, 3 requests, 1.5 KiB, 0 errors");
    }

    [LinuxFact]
    public void Read_only_image_is_offered_as_such_and_not_written()
    {
        using ToolProcess server = Start(out string socket, out string image, "--read-only");
        using var guest = new Guest(socket);
        (guest.FrontEnd.Features & VirtioBlockFeatures.ReadOnly).ShouldNotBe(0UL);
        guest.Memory.Write(Data, 42UL);
        guest.Disk.Write(0, Data, 512).ShouldBe(BlockStatus.IoError);
        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        File.ReadAllBytes(image).ShouldAllBe(value => value == 0);
    }

    [LinuxFact]
    public void Failed_requests_are_in_the_log_and_in_the_summary_by_kind_and_reason()
    {
        using ToolProcess server = Start(out string socket, out string image);
        using (var guest = new Guest(socket))
        {
            using (FileStream file = File.OpenWrite(image))
            {
                file.SetLength(Size / 2);
            }

            for (int i = 0; i < 40; i++)
            {
                guest.Disk.Read((Size / 2 / 512) + 8, Data, 4096).ShouldBe(BlockStatus.IoError);
            }

            guest.Disk.Write(Size / 512, Data, 512).ShouldBe(BlockStatus.IoError);
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("error failed: 1 read (EIO)");
        result.Error.ShouldContain("41 errors; failed: 40 read (EIO), 1 write (invalid request)");
    }

    [LinuxFact]
    public void Standard_error_that_nobody_reads_blocks_neither_front_ends_nor_the_end()
    {
        string socket = _folder.PathOf("s");
        string image = _folder.CreateImage("disk.img", Size);

        // Open at both ends in the shell, so that writing waits for ever; full before the server starts.
        string script = "mkfifo \"$5\"; exec 4<>\"$5\"; (head -c 1000000 /dev/zero >&4 & sleep 1; kill $!) 2>/dev/null; "
            + "dotnet \"$0\" serve block --socket \"$1\" --image \"$2\" 2>&4 >/dev/null & echo $! > \"$3\"; wait $!; echo $? > \"$4\"";
        using var shell = Process.Start(
            "bash",
            ["-c", script, Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"), socket, image, _folder.PathOf("pid"), _folder.PathOf("exit"), _folder.PathOf("pipe")]);
        Guest.WaitForServer(socket);
        for (int i = 0; i < 3; i++)
        {
            using var guest = new Guest(socket);
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        using (var kill = Process.Start("kill", ["-15", File.ReadAllText(_folder.PathOf("pid")).Trim()]))
        {
            kill.WaitForExit();
        }

        bool ended = shell.WaitForExit(TimeSpan.FromSeconds(30));
        if (!ended)
        {
            shell.Kill(entireProcessTree: true);
        }

        ended.ShouldBeTrue();
        File.ReadAllText(_folder.PathOf("exit")).Trim().ShouldBe("0");
    }

    [LinuxFact]
    public void Masks_restrict_what_is_offered()
    {
        using ToolProcess server = Start(out string socket, out _, "--features", "0x140000000", "--protocol-features", "512");
        using var frontEnd = VhostUserFrontEnd.Connect(socket);
        frontEnd.GetFeatures().ShouldBe(0x1_4000_0000UL);
        frontEnd.GetProtocolFeatures().ShouldBe(VhostUserProtocolFeatures.Config);
    }

    /// <summary>The disk is larger, and smaller again, for a front end that stays.</summary>
    [LinuxFact]
    public void Image_that_is_resized_is_a_disk_of_another_size()
    {
        using ToolProcess server = Start(out string socket, out string image);
        using var guest = new Guest(socket);
        guest.FrontEnd.OpenBackendChannel();
        const uint end = Size / 512;
        guest.Disk.Read(end, Data, 512).ShouldBe(BlockStatus.IoError);
        Resize(2 * Size);
        BitConverter.ToUInt64(guest.FrontEnd.GetConfig(0, 8)).ShouldBe(2 * end);
        guest.Memory.Write(Data, 0x1234UL);
        guest.Disk.Write((2 * end) - 1, Data, 512).ShouldBe(BlockStatus.Ok);
        guest.Disk.Read(2 * end, Data, 512).ShouldBe(BlockStatus.IoError);

        // Of a part of a sector nothing can be had.
        Resize((Size / 2) + 100);
        BitConverter.ToUInt64(guest.FrontEnd.GetConfig(0, 8)).ShouldBe(end / 2);
        guest.Disk.Read((end / 2) - 1, Data, 512).ShouldBe(BlockStatus.Ok);
        guest.Disk.Read(end / 2, Data, 512).ShouldBe(BlockStatus.IoError);
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("the image has 8 MiB instead of 4 MiB");

        void Resize(long size)
        {
            using (FileStream file = File.Open(image, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            {
                file.SetLength(size);
            }

            guest.FrontEnd.WaitForConfigChange(TimeSpan.FromSeconds(60)).ShouldBeTrue();
        }
    }

    [LinuxFact]
    public void Socket_of_a_successor_stays()
    {
        using ToolProcess server = Start(out string socket, out _);
        File.Move(socket, socket + ".old");
        File.WriteAllText(socket, "another's");
        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        File.ReadAllText(socket).ShouldBe("another's");
    }

    [LinuxFact]
    public void Socket_has_the_mode_that_is_asked_for()
    {
        using ToolProcess server = Start(out string socket, out _, "--socket-mode", "0620", "--socket-group", "0");
        UnixFileMode mode = OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(socket);
        mode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite);
        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    [LinuxTheory]
    [InlineData("serve", "block", "--print-capabilities")]
    [InlineData("--print-capabilities")]
    [InlineData("--socket-path=/none/s", "--print-capabilities", "--nonsense")]
    public void Capabilities_are_told_to_management_and_nothing_else_is_done(params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(arguments);
        result.ShouldEndWith(0);
        using var document = System.Text.Json.JsonDocument.Parse(result.Output);
        document.RootElement.GetProperty("type").GetString().ShouldBe("block");
        document.RootElement.GetProperty("features").EnumerateArray().Select(value => value.GetString()).ShouldBe(["read-only", "blk-file"]);
    }

    [LinuxFact]
    public void The_file_for_management_names_the_same_type_and_a_program()
    {
        Skip.If(PublishedProgram.Sources is null, "needs the sources beside the tests");
        using var document = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(PublishedProgram.Sources, "src/Hyperspan.Tool/50-hyperspan.json")));
        document.RootElement.GetProperty("type").GetString().ShouldBe("block");
        document.RootElement.GetProperty("description").GetString().ShouldNotBeNullOrEmpty();
        Path.IsPathRooted(document.RootElement.GetProperty("binary").GetString()).ShouldBeTrue();
    }

    [LinuxTheory]
    [InlineData("--fd", "0")]
    [InlineData("--fd", "999")]
    [InlineData("--fd", "-1")]
    public void Descriptor_that_is_no_listening_socket_is_refused(string option, string value)
    {
        ToolResult result = ToolProcess.Run("serve", "block", option, value, "--image", _folder.CreateImage("disk.img", Size));
        result.ShouldEndWith(2);
        result.Error.ShouldContain("descriptor");
    }

    [LinuxFact]
    public void Descriptor_that_is_not_open_is_said_to_be_that()
    {
        // The runtime has files of its own among the low numbers, of which nobody has said anything.
        for (int descriptor = 20; descriptor < 24; descriptor++)
        {
            ToolResult result = ToolProcess.Run("serve", "entropy", "--fd", $"{descriptor}");
            result.ShouldEndWith(2);
            result.Error.ShouldContain($"descriptor {descriptor}: is not open");
        }
    }

    [LinuxFact]
    public void Socket_whose_queue_is_full_is_in_use()
    {
        using var busy = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        var address = new System.Net.Sockets.UnixDomainSocketEndPoint(_folder.PathOf("s"));
        busy.Bind(address);
        busy.Listen(0);
        using var waiting = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        waiting.Connect(address);
        ToolResult result = ToolProcess.Run("serve", "block", "--socket", _folder.PathOf("s"), "--image", _folder.CreateImage("disk.img", Size));
        result.ShouldEndWith(2);
        result.Error.ShouldContain("exists already");
    }

    private ToolProcess Start(out string socket, out string image, params string[] more)
    {
        socket = _folder.PathOf("s");
        image = _folder.CreateImage("disk.img", Size);
        ToolProcess server = ToolProcess.Start(["serve", "block", "--socket", socket, "--image", image, .. more]);
        server.WaitForLog("listening");
        return server;
    }
}
