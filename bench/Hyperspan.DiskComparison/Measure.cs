namespace Hyperspan.DiskComparison;

/// <summary>One figure of a run: what the guest calls it, what a person does, and its unit. For all of them more is better, except processor time.</summary>
internal sealed record Measure(string Key, string Title, string Unit)
{
    /// <summary>What the back end's process spent on the measured part; comes from the host, not from the guest.</summary>
    internal const string ProcessorTime = "processor_time";

    internal static readonly Measure[] All =
    [
        new("read_mib", "read, 1 MiB requests", "MiB/s"),
        new("write_mib", "write, 1 MiB requests", "MiB/s"),
        new("read_4k_sequential", "read, 4 KiB sequential", "requests/s"),
        new("write_4k_sequential", "write, 4 KiB sequential", "requests/s"),
        new("read_4k_random", "read, 4 KiB random", "requests/s"),
        new("write_4k_random", "write, 4 KiB random", "requests/s"),
        new("write_4k_flushed", "write, 4 KiB random, each flushed", "requests/s"),
        new("read_4k_random_eight", "read, 4 KiB random, 8 processes", "requests/s"),
        new(ProcessorTime, "processor time of the back end", "ms"),
    ];

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
