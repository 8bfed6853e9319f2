using System.Net;
using System.Net.Sockets;

using Hyperspan.Tool.Metrics;

namespace Hyperspan.Tool.Top;

/// <summary>Asks a process that serves for its figures.</summary>
internal static class MetricsClient
{
    private const int LongestAnswer = 16 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Asks, by a connection of its own.</summary>
    /// <exception cref="IOException">Nobody answers there, or not with figures.</exception>
    internal static async Task<MetricsText> ReadAsync(MetricsAddress address, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using var socket = new Socket(address.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(Reachable(address.EndPoint), limit.Token);
            using var stream = new NetworkStream(socket);
            await stream.WriteAsync("GET /metrics HTTP/1.1\r\nHost: hyperspan\r\nConnection: close\r\n\r\n"u8.ToArray(), limit.Token);
            return Parse(await ReadToEndAsync(stream, limit.Token));
        }
        catch (SocketException e)
        {
            // What a path that leads nowhere is answered by says nothing of that.
            throw new IOException($"{address}: {(e.SocketErrorCode == SocketError.AddressNotAvailable ? "there is no such socket" : e.Message)}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{address}: no answer within {Patience.TotalSeconds} seconds", e);
        }
        catch (InvalidDataException e)
        {
            throw new IOException($"{address}: {e.Message}", e);
        }
    }

    /// <summary>All addresses of this machine are reached by that of itself.</summary>
    private static EndPoint Reachable(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint { Port: int port } ip when ip.Address.Equals(IPAddress.IPv6Any) => new IPEndPoint(IPAddress.IPv6Loopback, port),
        IPEndPoint { Port: int port } ip when ip.Address.Equals(IPAddress.Any) => new IPEndPoint(IPAddress.Loopback, port),
        _ => endPoint,
    };

    private static async Task<MemoryStream> ReadToEndAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var answer = new MemoryStream();
        byte[] buffer = new byte[16 << 10];
        int got;
        while ((got = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            answer.Write(buffer, 0, got);
            if (answer.Length > LongestAnswer)
            {
                throw new InvalidDataException("the answer does not end");
            }
        }

        return answer;
    }

    private static MetricsText Parse(MemoryStream answer)
    {
        ReadOnlySpan<byte> text = answer.GetBuffer().AsSpan(0, (int)answer.Length);
        int end = text.IndexOf("\r\n\r\n"u8);
        return end > 0 && text.StartsWith("HTTP/1.1 200 "u8)
            ? MetricsText.Parse(text[(end + 4)..])
            : throw new InvalidDataException("that is no process of hyperspan which was started with --metrics");
    }
}
