using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Hyperspan.VhostUser;

/// <summary>What servers publish by <see cref="System.Diagnostics.Metrics"/>: their statistics, read when somebody asks. docs/devices.md lists it.</summary>
internal static class ServerMetrics
{
    private static readonly Meter Meter = new(VhostUserServer.MeterName, typeof(ServerMetrics).Assembly.GetName().Version?.ToString(3));

    // Weak: a server that nobody disposes is not kept for its figures.
    private static readonly ConditionalWeakTable<VhostUserServer, object> Servers = [];

    static ServerMetrics()
    {
        Count("connections", "{connection}", "Front ends that have connected.", static statistics => statistics.Connections);
        Count("messages", "{message}", "Messages of the control path.", static statistics => statistics.Messages);
        Count("requests", "{request}", "Requests that were completed.", static statistics => statistics.Requests);
        Count("buffer_failures", "{request}", "Requests that failed because a buffer could not be accessed.", static statistics => statistics.BufferFailures);
        Count("notifications", "{notification}", "Interrupts of guests.", static statistics => statistics.Notifications);
        Meter.CreateObservableUpDownCounter(
            "hyperspan.vhost_user.front_ends",
            static () => Servers.Select(static entry => new Measurement<int>(entry.Key.IsConnected ? 1 : 0, Of(entry.Key))),
            "{front_end}",
            "Front ends that are served now.");
        Meter.CreateObservableCounter(
            "hyperspan.vhost_user.errors",
            static () => Servers.SelectMany(static entry => ErrorsOf(entry.Key)),
            "{error}",
            "What went wrong, by kind.");
    }

    /// <summary>Shows a server from now on.</summary>
    internal static void Add(VhostUserServer server) => Servers.Add(server, server);

    internal static void Remove(VhostUserServer server) => Servers.Remove(server);

    private static void Count(string name, string unit, string description, Func<VhostUserStatistics, long> value) => Meter.CreateObservableCounter(
        "hyperspan.vhost_user." + name,
        () => Servers.Select(entry => new Measurement<long>(value(entry.Key.Statistics), Of(entry.Key))),
        unit,
        description);

    private static IEnumerable<Measurement<long>> ErrorsOf(VhostUserServer server)
    {
        foreach (VhostUserEventKind kind in VhostUserStatistics.ErrorKinds)
        {
            if (server.Statistics.CountOf(kind) is > 0 and long count)
            {
                yield return new Measurement<long>(count, Of(server), new KeyValuePair<string, object?>("error.type", VhostUserEvent.NameOf(kind)));
            }
        }
    }

    private static KeyValuePair<string, object?> Of(VhostUserServer server) => new("socket", server.SocketPath ?? "");
}
