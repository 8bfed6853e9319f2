using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>The guest's second serial port: marked lines come out, words of the host go in.</summary>
internal sealed class GuestControl : IAsyncDisposable
{
    private readonly NetworkStream _stream;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _reading;
    private readonly StringBuilder _log = new();
    private readonly Lock _gate = new();

    private GuestControl(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>The lines of the guest; ends when its machine is gone.</summary>
    internal ChannelReader<string> Lines => _lines.Reader;

    internal string Log
    {
        get
        {
            lock (_gate)
            {
                return _log.ToString();
            }
        }
    }

    internal static async Task<GuestControl> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return new GuestControl(socket);
    }

    internal async Task SendAsync(string word) => await _stream.WriteAsync(Encoding.ASCII.GetBytes(word + "\n"));

    internal void Note(string line)
    {
        lock (_gate)
        {
            _log.Append(line).Append('\n');
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _reading;
    }

    private async Task ReadAsync()
    {
        try
        {
            using var reader = new StreamReader(_stream, leaveOpen: true);
            while (await reader.ReadLineAsync() is { } line)
            {
                Note(line);
                _lines.Writer.TryWrite(line);
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException)
        {
            // The machine was killed or the control channel disposed; whoever waits learns it from the end of the lines.
        }
        finally
        {
            _lines.Writer.TryComplete();
        }
    }
}
