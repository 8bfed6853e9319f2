using System.Net.Sockets;

using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <summary>Makes and removes listening sockets in the file system.</summary>
internal static class UnixListener
{
    internal static Socket Listen(string path, int backlog, bool replaceStale)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        UnixDomainSocketEndPoint address;
        try
        {
            address = new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new ArgumentException($"The socket path '{path}' is too long.", nameof(path), e);
        }

        if (replaceStale && IsStale(path, address))
        {
            File.Delete(path);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bool bound = false;
        try
        {
            socket.Bind(address);
            bound = true;
            socket.Listen(backlog);
            return socket;
        }
        catch
        {
            if (bound)
            {
                Remove(path);
            }

            socket.Dispose();
            throw;
        }
    }

    internal static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The directory may be gone, or not ours any more. Nothing depends on it.
        }
    }

    /// <summary>Whether it is a socket that nobody listens on: what a process that was killed leaves behind.</summary>
    private static bool IsStale(string path, UnixDomainSocketEndPoint address)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(address);
            return false;
        }
        catch (SocketException e)
        {
            // A connection to a file of another kind is refused in the same way; such a one is not ours to remove.
            return e.SocketErrorCode == SocketError.ConnectionRefused && FileKind.IsSocket(path);
        }
    }
}
