using System.Globalization;

namespace Hyperspan.Tool.Top;

/// <summary>What a process that serves did between two looks at its figures.</summary>
internal sealed class TopSample
{
    private const string Duration = "hyperspan_block_request_duration_seconds";
    private const string DurationCount = Duration + "_count";
    private const string Bytes = "hyperspan_block_io_bytes_total";

    private readonly MetricsText _before;
    private readonly MetricsText _now;
    private readonly double _seconds;

    internal TopSample(MetricsText before, MetricsText now, TimeSpan time)
    {
        _before = before;
        _now = now;
        _seconds = Math.Max(time.TotalSeconds, 1e-6);
    }

    /// <summary>Gets the sockets, each with what was done on it.</summary>
    internal IReadOnlyList<TopSocket> Sockets =>
    [
        .. _now.Of("hyperspan_vhost_user_front_ends").Select(series => (Name: series["socket"], IsConnected: series.Value > 0)).Select(socket => new TopSocket(
            socket.Name,
            socket.IsConnected,
            Rate("hyperspan_vhost_user_requests_total", ("socket", socket.Name)),
            Rate("hyperspan_vhost_user_notifications_total", ("socket", socket.Name)),
            _now.Sum("hyperspan_vhost_user_errors_total", ("socket", socket.Name)))),
    ];

    /// <summary>Gets what was asked of each disk since it is served, each with how it went lately.</summary>
    internal IReadOnlyList<TopOperation> Operations =>
    [
        .. _now.Of(DurationCount)
            .Select(series => (Disk: series["disk"], Operation: series["operation"]))
            .Distinct()
            .OrderBy(key => key.Disk, StringComparer.Ordinal)
            .ThenBy(key => key.Operation, StringComparer.Ordinal)
            .Select(key => OperationOf(key.Disk, key.Operation)),
    ];

    /// <summary>Gets how many requests disks have taken and not yet answered.</summary>
    internal double InFlight => _now.Sum("hyperspan_block_requests_in_flight");

    /// <summary>Gets how many processors were busy with it on average.</summary>
    internal double Processors => Rate("dotnet_process_cpu_time_seconds_total");

    /// <summary>Gets the memory that the process has resident, in bytes.</summary>
    internal double ResidentBytes => _now.Sum("dotnet_process_memory_working_set_bytes");

    private TopOperation OperationOf(string disk, string operation)
    {
        (string, string)[] labels = [("disk", disk), ("operation", operation)];
        double failed = _now.Of(DurationCount)
            .Where(series => series["disk"] == disk && series["operation"] == operation && series["error_type"].Length != 0)
            .Sum(series => series.Value);
        (double Bound, double Count)[] buckets = BucketsOf(disk, operation);
        return new TopOperation(
            disk, operation, Rate(DurationCount, labels), Rate(Bytes, labels), Histogram.Quantile(buckets, 0.5), Histogram.Quantile(buckets, 0.99), failed);
    }

    /// <summary>Counts of what took no longer than each bound, between the two looks.</summary>
    private (double Bound, double Count)[] BucketsOf(string disk, string operation)
    {
        SortedDictionary<double, double> before = Totals(_before);
        return [.. Totals(_now).Select(entry => (entry.Key, entry.Value - before.GetValueOrDefault(entry.Key)))];

        SortedDictionary<double, double> Totals(MetricsText text)
        {
            var totals = new SortedDictionary<double, double>();
            foreach (MetricsSeries series in text.Of(Duration + "_bucket").Where(series => series["disk"] == disk && series["operation"] == operation))
            {
                double bound = series["le"] == "+Inf" ? double.PositiveInfinity : double.Parse(series["le"], CultureInfo.InvariantCulture);
                totals[bound] = totals.GetValueOrDefault(bound) + series.Value;
            }

            return totals;
        }
    }

    private double Rate(string name, params (string Name, string Value)[] labels) => Math.Max(0, _now.Sum(name, labels) - _before.Sum(name, labels)) / _seconds;
}
