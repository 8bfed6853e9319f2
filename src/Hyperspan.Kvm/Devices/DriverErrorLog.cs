using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Kvm;

/// <summary>
/// Tells of what a driver got wrong, so that no guest fills a log: of some at once, of others once a second at most, with how many were kept back. Used by any thread.
/// </summary>
/// <param name="tell">Is told, one after another or by several threads at once.</param>
internal sealed class DriverErrorLog(Action<string> tell)
{
    /// <summary>How many are told at once, before any is kept back.</summary>
    internal const int Burst = 8;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private double _left = Burst;
    private long _at = Stopwatch.GetTimestamp();
    private long _kept;

    /// <summary>Tells of one, or keeps it back.</summary>
    internal void Add(string error)
    {
        long kept;
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            _left = Math.Min(Burst, _left + (Stopwatch.GetElapsedTime(_at, now) / Interval));
            _at = now;
            if (_left < 1)
            {
                _kept++;
                return;
            }

            _left--;
            (kept, _kept) = (_kept, 0);
        }

        tell(kept == 0 ? error : string.Create(CultureInfo.InvariantCulture, $"{error} (and {kept} others before)"));
    }

    /// <summary>Nothing more comes: how many were kept back is told.</summary>
    internal void End(string name)
    {
        long kept;
        lock (_lock)
        {
            (kept, _kept) = (_kept, 0);
        }

        if (kept != 0)
        {
            tell(string.Create(CultureInfo.InvariantCulture, $"{name}: the driver has got {kept} other things wrong"));
        }
    }
}
