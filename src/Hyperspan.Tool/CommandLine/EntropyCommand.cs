using System.CommandLine;

using Hyperspan.Tool.Output;
using Hyperspan.Tool.Serve;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan serve entropy</c></summary>
internal static class EntropyCommand
{
    internal static Command Create()
    {
        var command = new DocumentedCommand("entropy", "Serve random bytes of this system by vhost-user, until Ctrl-C.")
        {
            Examples = [("hyperspan serve entropy --socket /tmp/entropy.sock", "Serve a guest's hardware random number generator; the line to start QEMU with is printed.")],
            ExitCodes =
            [
                (ExitCode.Success, "ended by Ctrl-C, SIGTERM or SIGHUP: the socket is removed"),
                (ExitCode.Failure, "serving failed, or it had to be ended by force"),
                (ExitCode.BadInput, "wrong arguments or socket: one line says why, nothing has been changed"),
            ],
        };
        var socket = new SocketArguments(command);
        command.SetAction(result => Run(socket.Of(result)));
        return command;
    }

    private static int Run(SocketOptions options)
    {
        using var log = new ServerLog(Terminal.CreateError(), isRaw: false);
        using var device = new VirtioEntropyDevice();
        using var server = new DeviceServer(log, options.Metrics);
        ServedDevice served = server.Add(options, device, new LogSource(log));
        served.WriteHeader(Console.Out, "Serving random bytes", QemuLine.ForEntropy(served.SocketName));
        bool isWell = server.Run(static () => 0);
        served.WriteSummary();
        return isWell ? ExitCode.Success : ExitCode.Failure;
    }
}
