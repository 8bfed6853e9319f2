using System.Globalization;
using System.Net.Sockets;

using Hyperspan.Interop.Linux;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>Sockets that whoever starts the server has made.</summary>
public sealed class GivenSocketTests : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 4 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void A_socket_given_by_number_is_served_on_and_its_name_stays() => ShouldServe(
        "exec 7<&\"$1\"; exec dotnet \"$2\" serve block --fd 7 --image \"$3\"");

    [LinuxFact]
    public void A_socket_given_by_number_is_served_on_by_management_software() => ShouldServe(
        "exec 7<&\"$1\"; exec dotnet \"$2\" --fd=7 --blk-file=\"$3\"");

    [LinuxFact]
    public void A_socket_of_systemd_is_served_on_without_an_option() => ShouldServe(
        "exec 3<&\"$1\"; export LISTEN_FDS=1 LISTEN_PID=$$; exec dotnet \"$2\" serve block --image \"$3\"");

    [LinuxTheory]
    [InlineData("export LISTEN_FDS=1 LISTEN_PID=1;", "is required")]
    [InlineData("export LISTEN_FDS=2 LISTEN_PID=$$;", "2 sockets")]
    public void Sockets_for_another_process_or_more_than_one_are_not_served_on(string variables, string reason)
    {
        using ToolProcess server = ToolProcess.StartProgram(
            "bash", "-c", variables + " exec dotnet \"$1\" serve block --image \"$2\"", "bash", Program, _folder.CreateImage("disk.img", Size));
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(2);
        result.Error.ShouldContain(reason);
    }

    /// <summary>With the program that starts others when somebody connects.</summary>
    [LinuxFact]
    public void The_first_front_end_starts_the_server()
    {
        const string Activator = "/usr/bin/systemd-socket-activate";
        Skip.IfNot(File.Exists(Activator), Activator + " is missing");
        string path = _folder.PathOf("s");
        using ToolProcess server = ToolProcess.StartProgram(
            Activator, "-l", path, "env", "dotnet", Program, "serve", "block", "--image", _folder.CreateImage("disk.img", Size));
        Guest.WaitForServer(path);
        using (var guest = new Guest(path))
        {
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("done: 2 connections, 1 request");
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll");

    private void ShouldServe(string script)
    {
        string path = _folder.PathOf("s");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        int descriptor = (int)listener.SafeHandle.DangerousGetHandle();

        // So that the shell has it.
        LibC.Fcntl(descriptor, FileCommand.SetDescriptorFlags, 0).ShouldBe(0);
        using ToolProcess server = ToolProcess.StartProgram(
            "bash", "-c", script, "bash", descriptor.ToString(CultureInfo.InvariantCulture), Program, _folder.CreateImage("disk.img", Size));
        server.WaitForLog("listening");
        for (int i = 0; i < 2; i++)
        {
            using var guest = new Guest(path);
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.ShouldContain($"path={path}");
        result.Error.ShouldContain("done: 2 connections, 2 requests");
        File.Exists(path).ShouldBeTrue("the name is somebody else's");
    }
}
