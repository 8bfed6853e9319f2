using System.Diagnostics.Metrics;
using System.Net.Sockets;

namespace Hyperspan.VhostUser.Tests;

/// <summary>What a server publishes by <see cref="System.Diagnostics.Metrics"/>, as a listener of another program sees it.</summary>
public sealed class ServerMetricsTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"hs-{Guid.NewGuid():N}.sock");
    private readonly TestMemory _memory = new(1 << 20);
    private readonly MeterListener _listener = new();
    private readonly List<(string Name, string Error, long Value)> _seen = [];

    public ServerMetricsTests()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == VhostUserServer.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void What_a_server_did_can_be_listened_to_by_its_socket_and_each_kind_of_error_by_itself()
    {
        using var device = new TestDevice();
        using (var server = new VhostUserServer(_path, device))
        {
            Task run = server.RunAsync();
            using (VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(_path))
            {
                frontend.Negotiate();
                Harness.Eventually(() => server.IsConnected, "it is served");
                Value("front_ends").ShouldBe(1);
                Value("connections").ShouldBe(1);
                Value("messages").ShouldBe(server.Statistics.Messages);
                Value("messages").ShouldBeGreaterThan(0);
                Value("errors", "protocol error").ShouldBe(0);
            }

            // A message that is none ends a connection.
            using (var peer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            {
                peer.Connect(new UnixDomainSocketEndPoint(_path));
                peer.Send(Enumerable.Repeat((byte)0xff, 12).ToArray());
                Harness.Eventually(() => server.Statistics.Errors == 1 && !server.IsConnected, "it is refused");
            }

            Value("errors", "protocol error").ShouldBe(1);
            Value("connections").ShouldBe(2);
            Value("front_ends").ShouldBe(0);
            server.Dispose();
            Harness.Eventually(() => run.IsCompleted, "it ends");
        }

        Read().ShouldBeEmpty();
    }

    private long Value(string name, string error = "") =>
        Read().Where(m => m.Name == "hyperspan.vhost_user." + name && m.Error == error).Sum(m => m.Value);

    private List<(string Name, string Error, long Value)> Read()
    {
        _seen.Clear();
        _listener.RecordObservableInstruments();
        return _seen;
    }

    private void Add(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Other tests have servers as well.
        if (tags[0] is { Key: "socket", Value: string socket } && socket == _path)
        {
            _seen.Add((instrument.Name, tags.Length > 1 && tags[1].Key == "error.type" ? (string)tags[1].Value! : "", value));
        }
    }
}
