using System.Diagnostics;

using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;

namespace Hyperspan.Tool.Serve;

/// <summary>Says what a server is doing: in the status line of a terminal, else now and then by a line in the log.</summary>
internal sealed class StatusReporter : IDisposable
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly VhostUserServer _server;
    private readonly ServerLog _log;
    private readonly Func<long> _failures;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private long _at = Stopwatch.GetTimestamp();
    private long _requests;
    private long _bytes;
    private bool _disposed;

    internal StatusReporter(VhostUserServer server, ServerLog log, Func<long> failures)
    {
        _server = server;
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

            VhostUserStatistics statistics = _server.Statistics;
            TimeSpan time = Stopwatch.GetElapsedTime(_at);
            (long requests, long bytes) = (statistics.Requests - _requests, statistics.Bytes - _bytes);
            (_at, _requests, _bytes) = (Stopwatch.GetTimestamp(), statistics.Requests, statistics.Bytes);
            var sample = new StatusSample(
                _server.IsConnected, statistics.Connections, Units.PerSecond(requests, time), Units.PerSecond(bytes, time), statistics.Errors + _failures());
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
