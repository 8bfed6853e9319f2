using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>Commands to a running QEMU (QEMU Machine Protocol: one JSON object a line). For one caller at a time.</summary>
internal sealed class QmpClient : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private QmpClient(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream);
    }

    internal static async Task<QmpClient> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var client = new QmpClient(socket);
        await client.ReadAsync();
        await client.ExecuteAsync("qmp_capabilities");
        return client;
    }

    internal async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments = null)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        await _stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(request));
        while (true)
        {
            JsonObject answer = await ReadAsync();
            if (answer["error"] is { } error)
            {
                throw new EndToEndException($"QEMU refused {request.ToJsonString()}: {error.ToJsonString()}");
            }

            if (answer.TryGetPropertyValue("return", out JsonNode? result))
            {
                return result;
            }
        }
    }

    /// <summary>Executes a command as soon as it is not refused any more.</summary>
    internal async Task RetryAsync(string command, JsonObject arguments)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                await ExecuteAsync(command, (JsonObject)arguments.DeepClone());
                return;
            }
            catch (EndToEndException) when (tries < 2400)
            {
                await Task.Delay(50);
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }

    private async Task<JsonObject> ReadAsync()
    {
        using var cancellation = new CancellationTokenSource(Timeout);
        string line = await _reader.ReadLineAsync(cancellation.Token) ?? throw new EndToEndException("QEMU closed its monitor");
        return JsonNode.Parse(line)!.AsObject();
    }
}
