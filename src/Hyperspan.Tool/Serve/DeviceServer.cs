using Hyperspan.Tool.Metrics;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves devices until the process is asked to end: each on its socket, by a thread of its own, and none waits for another's front ends.</summary>
internal sealed class DeviceServer : IDisposable
{
    private readonly List<ServedDevice> _devices = [];
    private readonly ServerLog _log;
    private readonly MetricsServer? _metrics;

    /// <summary>Initializes a new instance of the <see cref="DeviceServer"/> class.</summary>
    /// <param name="log">Where it is told what happens. It stays the caller's.</param>
    /// <param name="metrics">Where figures are to be read, if they are.</param>
    /// <exception cref="InvalidInputException">They cannot be read there.</exception>
    internal DeviceServer(ServerLog log, MetricsAddress? metrics)
    {
        _log = log;
        _metrics = metrics is null ? null : MetricsServer.Open(metrics, log);
        EndLimit = new EndLimit(log);
    }

    internal EndLimit EndLimit { get; }

    /// <summary>Listens on the socket of a device.</summary>
    /// <param name="options">Where, and for whom.</param>
    /// <param name="device">The device. It stays the caller's.</param>
    /// <param name="log">Where it is told what happens to this one.</param>
    /// <exception cref="InvalidInputException">The socket cannot be used. Nothing has been changed.</exception>
    internal ServedDevice Add(SocketOptions options, IVirtioDevice device, LogSource log)
    {
        var served = ServedDevice.Open(options, device, log);
        _devices.Add(served);
        return served;
    }

    /// <summary>Serves.</summary>
    /// <param name="failures">Says how many requests have failed.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>Whether nothing but being asked to ended any of them.</returns>
    internal bool Run(Func<long> failures, CancellationToken token)
    {
        using var status = new StatusReporter([.. _devices.Select(served => served.Server)], _log, failures);
        return AllAtOnce.Run(_devices, served => served.Run(token));
    }

    /// <summary>Removes the sockets and ends what runs; quick.</summary>
    public void Dispose()
    {
        _devices.ForEach(static served => served.Dispose());
        _metrics?.Dispose();
    }
}
