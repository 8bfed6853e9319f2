using System.Globalization;
using System.Net.Sockets;

namespace Hyperspan.Tool.Serve;

/// <summary>A listening socket that whoever started this process has made: by number, or by systemd's convention (sd_listen_fds(3)).</summary>
internal static class GivenSocket
{
    private const int FirstOfSystemd = 3;
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int AcceptsConnections = 30; // SO_ACCEPTCONN

    /// <summary>Gets a value indicating whether systemd hands over sockets.</summary>
    internal static bool IsOffered => OfferedCount is not "0";

    // The variables may have been meant for a parent, and then say nothing of this process.
    private static string OfferedCount =>
        string.Equals(Environment.GetEnvironmentVariable("LISTEN_PID"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            ? Environment.GetEnvironmentVariable("LISTEN_FDS") ?? "0"
            : "0";

    /// <summary>Gets the descriptor to serve on, or nothing where a socket is to be made at the path.</summary>
    /// <exception cref="InvalidInputException">There is none, or more than one.</exception>
    internal static int? Choose(string? path, int? descriptor)
    {
        if (path is not null && descriptor is not null)
        {
            throw new InvalidInputException("--socket and --fd: only one of them can be served on");
        }

        if (path is not null || descriptor is not null)
        {
            return descriptor;
        }

        return OfferedCount switch
        {
            "1" => FirstOfSystemd,
            "0" => throw new InvalidInputException("where to serve is not said: give --socket or --fd, or a socket by systemd"),
            string count => throw new InvalidInputException($"systemd hands over {count} sockets; one can be served"),
        };
    }

    /// <summary>Takes it over.</summary>
    /// <exception cref="InvalidInputException">It is no listening Unix stream socket.</exception>
    internal static Socket Open(int descriptor)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"descriptor {descriptor}");
        if (descriptor < 0)
        {
            throw new InvalidInputException($"--fd: {descriptor} is no descriptor");
        }

        // One that is closed on exec was not inherited: it is a file of the runtime's own by now, and not to be closed.
        if (!ProcessStart.IsInherited(descriptor))
        {
            throw new InvalidInputException($"{name}: is not open");
        }

        try
        {
            var socket = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
            Span<byte> accepts = stackalloc byte[sizeof(int)];
            socket.GetRawSocketOption(SocketLevel, AcceptsConnections, accepts);
            return socket is { AddressFamily: AddressFamily.Unix, SocketType: SocketType.Stream } && accepts[0] != 0
                ? socket
                : throw new InvalidInputException($"{name}: is no Unix stream socket that listens");
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw new InvalidInputException($"{name}: is not a socket: {e.Message}", e);
        }
    }
}
