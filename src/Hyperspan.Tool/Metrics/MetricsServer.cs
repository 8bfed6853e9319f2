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
/// Answers <c>GET /metrics</c> with the figures of this process. Each client has a few seconds for its request and for taking the answer, and keeps none of the others waiting.
/// </summary>
internal sealed class MetricsServer : IDisposable
{
    private const int Backlog = 64;
    private const int MostClients = 64;
    private const string Runtime = "System.Runtime";

    // So often it is looked whether it is over.
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly UnixListener _listener;
    private readonly PrometheusExporter _exporter;
    private readonly MeterProvider _provider;
    private volatile bool _isDisposed;

    private MetricsServer(UnixListener listener)
    {
        _listener = listener;
        listener.Socket.Blocking = false;
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
        var clients = new List<MetricsConnection>();
        while (!_isDisposed)
        {
            try
            {
                Serve(clients);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // There are too many open files: a while later there may be fewer. Or it is over.
                if (!_isDisposed)
                {
                    Thread.Sleep(Pause);
                }
            }
        }

        clients.ForEach(static client => client.Dispose());
    }

    /// <summary>Waits until any client can go on, and has those that can.</summary>
    private void Serve(List<MetricsConnection> clients)
    {
        List<Socket> readable = [_listener.Socket, .. clients.Where(static client => !client.IsAnswering).Select(static client => client.Socket)];
        List<Socket> writable = [.. clients.Where(static client => client.IsAnswering).Select(static client => client.Socket)];
        TimeSpan left = clients.Select(static client => client.Left).Append(Round).Min();
        Socket.Select(readable, writable, checkError: null, left > TimeSpan.Zero ? left : TimeSpan.Zero);
        for (int i = clients.Count - 1; i >= 0; i--)
        {
            MetricsConnection client = clients[i];
            bool goesOn = readable.Contains(client.Socket) || writable.Contains(client.Socket) ? client.GoOn() : client.Left > TimeSpan.Zero || client.Expire();
            if (!goesOn)
            {
                clients.RemoveAt(i);
                client.Dispose();
            }
        }

        if (readable.Contains(_listener.Socket))
        {
            // Who is silent keeps nobody out: the one that has been there longest makes room.
            if (clients.Count == MostClients)
            {
                clients[0].Dispose();
                clients.RemoveAt(0);
            }

            clients.Add(new MetricsConnection(_listener.Socket.Accept(), Answer));
        }
    }

    private byte[] Answer(string request)
    {
        (string status, string text) = request.Split(' ') switch
        {
            ["GET", string path, ..] when path.Split('?')[0] == "/metrics" => ("200 OK", _exporter.Read()),
            ["GET", ..] => ("404 Not Found", "The figures are at /metrics.\n"),
            _ => ("400 Bad Request", "The figures are at /metrics, by GET.\n"),
        };
        byte[] body = Encoding.UTF8.GetBytes(text);
        byte[] head = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        return [.. head, .. body];
    }
}
