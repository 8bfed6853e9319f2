using System.Net.Sockets;

using Hyperspan.Tool.Serve;
using Hyperspan.VhostUser;

namespace Hyperspan.Tool.Run;

/// <summary>
/// A Unix socket that one program at a time may connect to, in the place of one that nobody listens on any more. What comes while nobody is, is dropped; while somebody is who
/// does not read, the guest is held up.
/// </summary>
internal sealed class SocketConsole : IConsoleEndPoint
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly UnixListener _listener;
    private Socket? _client;
    private bool _disposed;

    internal SocketConsole(string path)
    {
        try
        {
            _listener = UnixListener.Listen(path, backlog: 1, new VhostUserOptions { ReplaceStaleSocket = true });
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"--console: {SocketProblem.Describe(path, e)}", e);
        }
    }

    public bool HasSenderGone
    {
        get
        {
            try
            {
                return Volatile.Read(ref _client) is not { } client || (client.Poll(0, SelectMode.SelectRead) && client.Available == 0);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return true;
            }
        }
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        try
        {
            while (!data.IsEmpty && !Volatile.Read(ref _disposed) && Volatile.Read(ref _client) is { } client)
            {
                data = data[client.Send(data, SocketFlags.None, out SocketError error)..];
                if (error == SocketError.WouldBlock)
                {
                    client.Poll(Patience, SelectMode.SelectWrite);
                }
                else if (error != SocketError.Success)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // It has gone this moment.
        }
    }

    public int Read(Span<byte> data)
    {
        while (!Volatile.Read(ref _disposed))
        {
            try
            {
                Socket client = _client ?? Accept();
                if (client.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectRead))
                {
                    int count = client.Receive(data, SocketFlags.None, out SocketError error);
                    if (count > 0)
                    {
                        return count;
                    }

                    if (error != SocketError.WouldBlock)
                    {
                        Interlocked.Exchange(ref _client, null)?.Dispose();
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (Volatile.Read(ref _disposed))
                {
                    break;
                }

                Interlocked.Exchange(ref _client, null)?.Dispose();
                Thread.Sleep(Patience);
            }
        }

        return 0;
    }

    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        _listener.Dispose();
        Interlocked.Exchange(ref _client, null)?.Dispose();
    }

    private Socket Accept()
    {
        Socket client = _listener.Socket.Accept();
        client.Blocking = false;
        Volatile.Write(ref _client, client);
        return client;
    }
}
