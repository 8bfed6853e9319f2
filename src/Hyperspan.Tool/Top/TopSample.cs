using System.Globalization;

namespace Hyperspan.Tool.Top;

/// <summary>What a process that serves did between two looks at its figures.</summary>
internal sealed class TopSample
{
    private const string Duration = "hyperspan_block_request_duration_seconds";
    private const string DurationCount = Duration + "_count";
    private const string DurationBuckets = Duration + "_bucket";
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
    internal IReadOnlyList<TopSocket> Sockets
    {
        get
        {
            Func<(string, string), double> requests = RatesBy("hyperspan_vhost_user_requests_total", "socket", "");
            Func<(string, string), double> notifications = RatesBy("hyperspan_vhost_user_notifications_total", "socket", "");
            ILookup<(string, string), MetricsSeries> errors = _now.By("hyperspan_vhost_user_errors_total", "socket", "");
            return
            [
                .. _now.Of("hyperspan_vhost_user_front_ends").Select(series => (Key: (series["socket"], ""), IsConnected: series.Value > 0)).Select(socket => new TopSocket(
                    socket.Key.Item1,
                    socket.IsConnected,
                    requests(socket.Key),
                    notifications(socket.Key),
                    Sum(errors[socket.Key]))),
            ];
        }
    }

    /// <summary>Gets what was asked of each disk since it is served, each with how it went lately.</summary>
    internal IReadOnlyList<TopOperation> Operations
    {
        get
        {
            const string Disk = "disk";
            const string Operation = "operation";
            ILookup<(string Disk, string Operation), MetricsSeries> counts = _now.By(DurationCount, Disk, Operation);
            ILookup<(string, string), MetricsSeries> bucketsBefore = _before.By(DurationBuckets, Disk, Operation);
            ILookup<(string, string), MetricsSeries> bucketsNow = _now.By(DurationBuckets, Disk, Operation);
            Func<(string, string), double> requests = RatesBy(DurationCount, Disk, Operation);
            Func<(string, string), double> bytes = RatesBy(Bytes, Disk, Operation);
            return
            [
                .. counts.OrderBy(group => group.Key.Disk, StringComparer.Ordinal).ThenBy(group => group.Key.Operation, StringComparer.Ordinal).Select(group =>
                {
                    (double Bound, double Count)[] buckets = BucketsOf(bucketsBefore[group.Key], bucketsNow[group.Key]);
                    return new TopOperation(
                        group.Key.Disk,
                        group.Key.Operation,
                        requests(group.Key),
                        bytes(group.Key),
                        Histogram.Quantile(buckets, 0.5),
                        Histogram.Quantile(buckets, 0.99),
                        Sum(group.Where(series => series["error_type"].Length != 0)));
                }),
            ];
        }
    }

    /// <summary>Gets how many requests disks have taken and not yet answered.</summary>
    internal double InFlight => _now.Sum("hyperspan_block_requests_in_flight");

    /// <summary>Gets how many processors were busy with it on average.</summary>
    internal double Processors => Rate("dotnet_process_cpu_time_seconds_total");

    /// <summary>Gets the memory that the process has resident, in bytes.</summary>
    internal double ResidentBytes => _now.Sum("dotnet_process_memory_working_set_bytes");

    private static double Sum(IEnumerable<MetricsSeries> all) => all.Sum(static series => series.Value);

    /// <summary>Counts of what took no longer than each bound, between the two looks.</summary>
    private static (double Bound, double Count)[] BucketsOf(IEnumerable<MetricsSeries> before, IEnumerable<MetricsSeries> now)
    {
        SortedDictionary<double, double> earlier = Totals(before);
        return [.. Totals(now).Select(entry => (entry.Key, entry.Value - earlier.GetValueOrDefault(entry.Key)))];

        static SortedDictionary<double, double> Totals(IEnumerable<MetricsSeries> all)
        {
            var totals = new SortedDictionary<double, double>();
            foreach (MetricsSeries series in all)
            {
                if (TryParseBound(series["le"], out double bound))
                {
                    totals[bound] = totals.GetValueOrDefault(bound) + series.Value;
                }
            }

            return totals;
        }
    }

    /// <summary>Reads the bound of a bucket. What is none is of no use: it was written by somebody else.</summary>
    private static bool TryParseBound(string text, out double bound)
    {
        bound = double.PositiveInfinity;
        return text == "+Inf" || (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out bound) && !double.IsNaN(bound));
    }

    private double Rate(string name) => RateOf(_now.Sum(name), _before.Sum(name));

    private Func<(string First, string Second), double> RatesBy(string name, string first, string second)
    {
        ILookup<(string, string), MetricsSeries> before = _before.By(name, first, second), now = _now.By(name, first, second);
        return key => RateOf(Sum(now[key]), Sum(before[key]));
    }

    private double RateOf(double now, double before) => Math.Max(0, now - before) / _seconds;
}
