using System.Diagnostics;

using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;

namespace Hyperspan.Tool.Serve;

/// <summary>Says what servers are doing: in the status line of a terminal, else now and then by a line in the log.</summary>
internal sealed class StatusReporter : IDisposable
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<VhostUserServer> _servers;
    private readonly ServerLog _log;
    private readonly Func<long> _failures;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private long _at = Stopwatch.GetTimestamp();
    private long _requests;
    private long _bytes;
    private bool _disposed;

    internal StatusReporter(IReadOnlyList<VhostUserServer> servers, ServerLog log, Func<long> failures)
    {
        _servers = servers;
        _log = log;
        _failures = failures;
        TimeSpan interval = log.IsLive ? LiveInterval : LogInterval;
        _timer = TimeProvider.System.CreateTimer(static state => ((StatusReporter)state!).Tick(), this, log.IsLive ? TimeSpan.Zero : interval, interval);
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _disposed = true;
            _log.SetStatus("");
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            long allRequests = _servers.Sum(static server => server.Statistics.Requests);
            long allBytes = _servers.Sum(static server => server.Statistics.Bytes);
            TimeSpan time = Stopwatch.GetElapsedTime(_at);
            (long requests, long bytes) = (allRequests - _requests, allBytes - _bytes);
            (_at, _requests, _bytes) = (Stopwatch.GetTimestamp(), allRequests, allBytes);
            var sample = new StatusSample(
                _servers.Any(static server => server.IsConnected),
                _servers.Sum(static server => server.Statistics.Connections),
                Units.PerSecond(requests, time),
                Units.PerSecond(bytes, time),
                _servers.Sum(static server => server.Statistics.Errors) + _failures());
            if (_log.IsLive)
            {
                _log.SetStatus(sample.ToLine(_log.Width - 1));
            }
            else if (requests != 0)
            {
                _log.Write(sample.ToLine(int.MaxValue));
            }
        }
    }
}
