using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

using Hyperspan.Tool.Serve;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Hyperspan.Tool.Metrics;

/// <summary>
/// Answers <c>GET /metrics</c> with the figures of this process, to one client after the other. Each has a few seconds for its request and for taking the answer.
/// </summary>
internal sealed class MetricsServer : IDisposable
{
    private const int Backlog = 16;
    private const int LongestRequest = 8 * 1024;
    private const string Runtime = "System.Runtime";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly UnixListener _listener;
    private readonly PrometheusExporter _exporter;
    private readonly MeterProvider _provider;
    private volatile bool _isDisposed;

    private MetricsServer(UnixListener listener)
    {
        _listener = listener;
        _exporter = new PrometheusExporter();
        _provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(VirtioBlockDevice.MeterName, VhostUserServer.MeterName, Runtime)
            .AddReader(new BaseExportingMetricReader(_exporter))
            .Build();
        new Thread(Serve) { IsBackground = true, Name = "metrics" }.Start();
    }

    /// <summary>Listens, and says so in the log: with the port, where any was asked for.</summary>
    /// <exception cref="InvalidInputException">The address cannot be used.</exception>
    internal static MetricsServer Open(MetricsAddress address, ServerLog log)
    {
        try
        {
            UnixListener listener = address.Path is { } path
                ? UnixListener.Listen(path, Backlog, new VhostUserOptions { ReplaceStaleSocket = true })
                : new UnixListener(Listen(address.EndPoint));
            string where = address.Path is null ? $"http://{listener.Socket.LocalEndPoint}/metrics" : $"{address}, GET /metrics";
            log.Write($"figures for Prometheus and 'hyperspan top': {where}");
            return new MetricsServer(listener);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"--metrics: {(address.Path is { } path ? $"unix:{SocketProblem.Describe(path, e)}" : $"{address}: {e.Message}")}", e);
        }
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _listener.Dispose();
            _provider.Dispose();
        }
    }

    private static Socket Listen(EndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void Serve()
    {
        while (!_isDisposed)
        {
            try
            {
                using Socket client = _listener.Socket.Accept();
                Answer(client);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // That client has gone, or there are too many open files: a while later there may be fewer. Or it is over.
                if (!_isDisposed)
                {
                    Thread.Sleep(Pause);
                }
            }
        }
    }

    private void Answer(Socket client)
    {
        client.SendTimeout = (int)Patience.TotalMilliseconds;
        string[] words = ReadRequest(client).Split(' ');
        (string status, string text) = words switch
        {
            ["GET", string path, ..] when path.Split('?')[0] == "/metrics" => ("200 OK", _exporter.Read()),
            ["GET", ..] => ("404 Not Found", "The figures are at /metrics.\n"),
            _ => ("400 Bad Request", "The figures are at /metrics, by GET.\n"),
        };
        byte[] body = Encoding.UTF8.GetBytes(text);
        byte[] head = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        client.Send([.. head, .. body]);
        client.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Reads a request to its end.</summary>
    /// <returns>Its first line; an empty one where there is no whole request.</returns>
    private static string ReadRequest(Socket client)
    {
        byte[] buffer = new byte[LongestRequest];
        int length = 0;
        long start = Stopwatch.GetTimestamp();
        while (length < buffer.Length)
        {
            TimeSpan left = Patience - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !client.Poll(left, SelectMode.SelectRead))
            {
                break;
            }

            int got = client.Receive(buffer.AsSpan(length));
            if (got == 0)
            {
                break;
            }

            length += got;
            if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) >= 0)
            {
                return Encoding.ASCII.GetString(buffer, 0, buffer.AsSpan().IndexOf("\r\n"u8));
            }
        }

        return "";
    }
}
