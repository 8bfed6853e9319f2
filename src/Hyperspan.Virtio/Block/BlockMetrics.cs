using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>
/// What block devices publish by <see cref="System.Diagnostics.Metrics"/>; docs/devices.md lists it. While nobody listens, a request costs one look at a flag.
/// </summary>
internal static class BlockMetrics
{
    // From a hit in the page cache to a disk that hangs, in seconds.
    private static readonly double[] DurationBounds =
        [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

    private static readonly Meter Meter = new(VirtioBlockDevice.MeterName, typeof(BlockMetrics).Assembly.GetName().Version?.ToString(3));

    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "hyperspan.block.request.duration",
        "s",
        "Time from taking a request to its status; error_type says why one failed.",
        tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBounds });

    private static readonly Counter<long> Bytes = Meter.CreateCounter<long>("hyperspan.block.io", "By", "Data that was read and written.");

    // Weak: a device that nobody disposes is not kept for its figures.
    private static readonly ConditionalWeakTable<VirtioBlockDevice, object> Devices = [];

    static BlockMetrics() => Meter.CreateObservableUpDownCounter(
        "hyperspan.block.requests.in_flight",
        static () => Devices.Select(static entry => new Measurement<int>(entry.Key.InFlight, Of(entry.Key))),
        "{request}",
        "Requests that were taken and not yet answered.");

    /// <summary>Shows a device from now on.</summary>
    internal static void Add(VirtioBlockDevice device) => Devices.Add(device, device);

    internal static void Remove(VirtioBlockDevice device) => Devices.Remove(device);

    /// <summary>Gets when a request began, or zero where nobody wants to know.</summary>
    internal static long Begin() => Duration.Enabled ? Stopwatch.GetTimestamp() : 0;

    /// <summary>A request has its status.</summary>
    internal static void End(VirtioBlockDevice device, BlockRequest request)
    {
        double seconds = Stopwatch.GetElapsedTime(request.BeganAt).TotalSeconds;
        KeyValuePair<string, object?> disk = Of(device);
        var operation = new KeyValuePair<string, object?>("operation", NameOf(request.Type));
        if (request.Status != BlockStatus.Ok || request.Errno != ErrorNumber.None)
        {
            Duration.Record(seconds, disk, operation, new KeyValuePair<string, object?>("error.type", ErrorOf(request)));
            return;
        }

        Duration.Record(seconds, disk, operation);
        if (request.Type is BlockRequestType.Read or BlockRequestType.Write)
        {
            Bytes.Add((long)request.Transfer.Total, disk, operation);
        }
    }

    private static KeyValuePair<string, object?> Of(VirtioBlockDevice device) => new("disk", device.Name);

    private static string NameOf(BlockRequestType type) => type switch
    {
        BlockRequestType.Read => "read",
        BlockRequestType.Write => "write",
        BlockRequestType.Flush => "flush",
        BlockRequestType.GetId => "get_id",
        BlockRequestType.Discard => "discard",
        BlockRequestType.WriteZeroes => "write_zeroes",

        // One name for all: the guest chooses from 2^32 of them.
        _ => "other",
    };

    private static string ErrorOf(BlockRequest request) => request switch
    {
        { Errno: not ErrorNumber.None } => ErrorNumber.Name(request.Errno),
        { Status: BlockStatus.Unsupported } => "unsupported",
        _ => "invalid",
    };
}
