using System.CommandLine;

using Hyperspan.Tool.Serve;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan serve console</c></summary>
internal static class ConsoleCommand
{
    internal static Command Create()
    {
        Option<string> console = ConsoleArgument.Create("the guest's console");
        var command = new DocumentedCommand("console", "Serve a console (hvc0 of Linux) by vhost-user, until Ctrl-C.")
        {
            Examples =
            [
                ("hyperspan serve console --socket /tmp/console.sock", "A console on this terminal; what else there is to say goes to standard error."),
                ("hyperspan serve console --socket /tmp/console.sock --console unix:/tmp/hvc0.sock", "One for whoever connects, such as 'socat - UNIX:/tmp/hvc0.sock'."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "ended by Ctrl-C, SIGTERM or SIGHUP: the socket is removed"),
                (ExitCode.Failure, "serving failed, or it had to be ended by force"),
                (ExitCode.BadInput, "wrong arguments, socket or console: one line says why, nothing has been changed"),
            ],
        };
        var socket = new SocketArguments(command);
        command.Add(console);
        command.SetAction(result =>
        {
            using var server = ConsoleServer.Open(socket.Of(result), result.GetValue(console)!);
            return server.Run();
        });
        return command;
    }
}
