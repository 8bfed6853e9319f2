using Hyperspan.Tool.Metrics;
using Hyperspan.Tool.Output;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves devices until the process is asked to end: each on its socket, by a thread of its own, and none waits for another's front ends.</summary>
internal sealed class DeviceServer : IDisposable
{
    private readonly List<ServedDevice> _devices = [];
    private readonly ServerLog _log;
    private readonly Action? _asked;
    private readonly Action? _atOnce;
    private readonly Termination _termination;
    private readonly MetricsServer? _metrics;

    /// <summary>Initializes a new instance of the <see cref="DeviceServer"/> class. From now on the process ends in order: what is made later is not left behind.</summary>
    /// <param name="log">Where it is told what happens. It stays the caller's.</param>
    /// <param name="metrics">Where figures are to be read, if they are.</param>
    /// <param name="asked">What is done before all else, each time the process is asked to end; quick.</param>
    /// <param name="atOnce">What is still done when the process ends at once; quick.</param>
    /// <exception cref="InvalidInputException">They cannot be read there.</exception>
    internal DeviceServer(ServerLog log, MetricsAddress? metrics, Action? asked = null, Action? atOnce = null)
    {
        _log = log;
        _asked = asked;
        _atOnce = atOnce;
        EndLimit = new EndLimit(log);
        _termination = new Termination(EndAtOnce, End);
        try
        {
            _metrics = metrics is null ? null : MetricsServer.Open(metrics, log);
        }
        catch
        {
            _termination.Dispose();
            throw;
        }
    }

    internal EndLimit EndLimit { get; }

    /// <summary>Listens on the socket of a device.</summary>
    /// <param name="options">Where, and for whom.</param>
    /// <param name="device">The device. It stays the caller's.</param>
    /// <param name="log">Where it is told what happens to this one.</param>
    /// <param name="ended">What is done when it is served no more, whatever becomes of the others; answers whether it went well.</param>
    /// <exception cref="InvalidInputException">The socket cannot be used. Nothing has been changed.</exception>
    internal ServedDevice Add(SocketOptions options, IVirtioDevice device, LogSource log, Func<bool>? ended = null)
    {
        var served = ServedDevice.Open(options, device, log, ended);
        lock (_devices)
        {
            _devices.Add(served);
        }

        return served;
    }

    /// <summary>Serves.</summary>
    /// <param name="failures">Says how many requests have failed.</param>
    /// <returns>Whether nothing but being asked to ended any of them.</returns>
    internal bool Run(Func<long> failures)
    {
        _log.Start();
        EndLimit.Prepare();
        CancellationToken token = _termination.Token;
        using var status = new StatusReporter([.. _devices.Select(served => served.Server)], _log, failures);
        return AllAtOnce.Run(_devices, served => served.Run(token));
    }

    /// <summary>Removes the sockets and ends what runs; quick.</summary>
    public void Dispose()
    {
        Close();
        _termination.Dispose();
    }

    private void End()
    {
        _asked?.Invoke();
        EndLimit.Start();
    }

    private void EndAtOnce()
    {
        _asked?.Invoke();
        _atOnce?.Invoke();
        Close();
    }

    private void Close()
    {
        lock (_devices)
        {
            _devices.ForEach(static served => served.Dispose());
        }

        _metrics?.Dispose();
    }
}
