using System.Net.Sockets;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <summary>A listening socket, and the name it was given in the file system.</summary>
internal sealed class UnixListener : IDisposable
{
    private const uint SameOwner = uint.MaxValue;

    private readonly FileStatus? _made;

    /// <summary>Initializes a new instance of the <see cref="UnixListener"/> class on a socket that listens already, whose name is somebody else's.</summary>
    internal UnixListener(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Socket = socket;
    }

    private UnixListener(Socket socket, string path)
    {
        Socket = socket;
        Path = path;
        _made = FileStatusCall.Of(path, followsLink: false);
    }

    internal Socket Socket { get; }

    /// <summary>Gets the name, if it was made here.</summary>
    internal string? Path { get; }

    internal static UnixListener Listen(string path, int backlog, VhostUserOptions options)
    {
        UnixDomainSocketEndPoint address = AddressOf(path);

        // From here on until it listens nobody else finds it stale, nor takes it away in the place of one that was.
        using FolderLock folder = FolderLock.Take(path);
        if (options.ReplaceStaleSocket && IsStale(path, address))
        {
            File.Delete(path);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        UnixListener? listener = null;
        try
        {
            socket.Bind(new KeptNameEndPoint(address));
            listener = new UnixListener(socket, path);

            // Nobody can connect before it listens: then it is whose it is to be.
            listener.Restrict(options);
            socket.Listen(backlog);
            return listener;
        }
        catch
        {
            listener?.Dispose();
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Gets the address that a path is.</summary>
    /// <exception cref="ArgumentException">
    /// The path is empty or too long, or the system would take a part of it: a null character ends it, unless it begins an abstract name.
    /// </exception>
    internal static UnixDomainSocketEndPoint AddressOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path.IndexOf('\0', StringComparison.Ordinal) > 0)
        {
            throw new ArgumentException("A socket path has no null character in it.", nameof(path));
        }

        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new ArgumentException($"The socket path '{path}' is too long.", nameof(path), e);
        }
    }

    /// <summary>Closes the socket, and removes its name unless that is another file by now.</summary>
    public void Dispose()
    {
        RemoveName();
        Socket.Dispose();
    }

    /// <summary>Removes the name unless that is another file by now. Who is connected stays connected.</summary>
    internal void RemoveName()
    {
        // As long as the socket is open, no other file gets its number.
        if (Path is not null && _made is { } made && FileStatusCall.Of(Path, followsLink: false) is { } there && there.IsSameFile(in made))
        {
            try
            {
                File.Delete(Path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The directory may be gone, or not ours any more. Nothing depends on it.
            }
        }
    }

    private void Restrict(VhostUserOptions options)
    {
        if (options.SocketGroup is { } group && LibC.Lchown(Path!, SameOwner, group) != 0)
        {
            throw new IOException($"the socket cannot be given to group {group}: {ErrorNumber.LastMessage}");
        }

        if (!OperatingSystem.IsWindows() && options.SocketMode is { } mode)
        {
            File.SetUnixFileMode(Path!, mode);
        }
    }

    /// <summary>Whether it is a socket that nobody listens on: what a process that was killed leaves behind.</summary>
    private static bool IsStale(string path, UnixDomainSocketEndPoint address)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        // One whose queue is full would have the connection wait: it is listened on.
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            probe.Connect(address);
            return false;
        }
        catch (SocketException e)
        {
            // A connection to a file of another kind is refused in the same way; such a one is not ours to remove.
            return e.SocketErrorCode == SocketError.ConnectionRefused && FileStatusCall.Of(path, followsLink: false) is { Type: FileType.Socket };
        }
    }
}
