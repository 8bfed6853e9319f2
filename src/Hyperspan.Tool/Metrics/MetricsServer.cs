using System.Diagnostics;
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

    private readonly Socket _listener;
    private readonly string? _path;
    private readonly PrometheusExporter _exporter;
    private readonly MeterProvider _provider;
    private volatile bool _isDisposed;

    private MetricsServer(Socket listener, string? path)
    {
        _listener = listener;
        _path = path;
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
        var listener = new Socket(address.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (address.EndPoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                listener.DualMode = true;
            }

            if (address.Path is { } path && IsStale(address))
            {
                File.Delete(path);
            }

            listener.Bind(address.EndPoint);
            listener.Listen(Backlog);
            string where = address.Path is null ? $"http://{listener.LocalEndPoint}/metrics" : $"{address}, GET /metrics";
            log.Write($"figures for Prometheus and 'hyperspan top': {where}");
            return new MetricsServer(listener, address.Path);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            listener.Dispose();
            throw new InvalidInputException($"--metrics: {address}: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            if (_path is not null)
            {
                File.Delete(_path);
            }

            _listener.Dispose();
            _provider.Dispose();
        }
    }

    /// <summary>Whether there is a socket that nobody listens on: left behind by a process that was killed.</summary>
    private static bool IsStale(MetricsAddress address)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(address.EndPoint);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    private void Serve()
    {
        while (!_isDisposed)
        {
            try
            {
                using Socket client = _listener.Accept();
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
