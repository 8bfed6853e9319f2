using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Hyperspan.Tool.Metrics;

/// <summary>A client that asks for figures, and how far it has come. Nothing here waits.</summary>
internal sealed class MetricsConnection : IDisposable
{
    private const int LongestRequest = 8 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly byte[] _request = new byte[LongestRequest];
    private readonly Func<string, byte[]> _answering;
    private int _length;
    private byte[]? _answer;
    private int _sent;
    private long _since = Stopwatch.GetTimestamp();

    /// <summary>Initializes a new instance of the <see cref="MetricsConnection"/> class.</summary>
    /// <param name="socket">The client, which belongs to this object from now on.</param>
    /// <param name="answering">Makes the answer to the first line of a request; to an empty one where there is no whole request.</param>
    internal MetricsConnection(Socket socket, Func<string, byte[]> answering)
    {
        (Socket, _answering) = (socket, answering);
        socket.Blocking = false;
    }

    internal Socket Socket { get; }

    /// <summary>Gets a value indicating whether it is the answer that goes on, when the client takes more of it.</summary>
    internal bool IsAnswering => _answer is { } answer && _sent < answer.Length;

    /// <summary>Gets the time that it has for its request, for taking the answer, and then for closing.</summary>
    internal TimeSpan Left => Patience - Stopwatch.GetElapsedTime(_since);

    /// <summary>Takes what the client sends, or gives it more of the answer.</summary>
    /// <returns>Whether it goes on.</returns>
    internal bool GoOn()
    {
        try
        {
            return IsAnswering ? Send() : Receive();
        }
        catch (SocketException e)
        {
            // There was nothing yet, or it has gone.
            return e.SocketErrorCode is SocketError.WouldBlock or SocketError.Interrupted;
        }
    }

    /// <summary>Its time is over: what it has sent is no whole request.</summary>
    /// <returns>Whether it is told so.</returns>
    internal bool Expire() => _answer is null && Answer("");

    public void Dispose() => Socket.Dispose();

    private bool Receive()
    {
        if (_answer is not null)
        {
            // It has its answer. What else it sends is thrown away until it closes: closed on it, the answer could be lost.
            return Socket.Receive(_request) != 0;
        }

        int got = Socket.Receive(_request.AsSpan(_length));
        _length += got;
        ReadOnlySpan<byte> text = _request.AsSpan(0, _length);
        return text.IndexOf("\r\n\r\n"u8) >= 0 ? Answer(Encoding.ASCII.GetString(text[..text.IndexOf("\r\n"u8)]))
            : (got != 0 && _length < LongestRequest) || Answer("");
    }

    private bool Answer(string request)
    {
        _answer = _answering(request);
        _since = Stopwatch.GetTimestamp();
        return true;
    }

    private bool Send()
    {
        _sent += Socket.Send(_answer.AsSpan(_sent));
        if (!IsAnswering)
        {
            _since = Stopwatch.GetTimestamp();
            Socket.Shutdown(SocketShutdown.Send);
        }

        return true;
    }
}
