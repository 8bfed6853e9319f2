namespace Hyperspan.Virtio;

/// <summary>Lets the requests of a device through as its limits permit. What has to wait is woken when there is something left again. Thread-safe.</summary>
internal sealed class ThrottleGate : IDisposable
{
    // A timer knows no longer time than some weeks; after this one it is looked again.
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly TokenBucket _requests;
    private readonly TokenBucket _bytes;
    private readonly List<BlockQueueHandler> _waiting = [];
    private readonly ITimer _timer;
    private long _at;

    internal ThrottleGate(DiskThrottle throttle, TimeProvider clock)
    {
        _clock = clock;
        _requests = new TokenBucket(throttle.RequestsPerSecond, throttle.Burst);
        _bytes = new TokenBucket(throttle.BytesPerSecond, throttle.Burst);
        _at = clock.GetTimestamp();
        _timer = clock.CreateTimer(static state => ((ThrottleGate)state!).WakeAll(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether a request may be begun now; otherwise the handler is woken when one may.</summary>
    internal bool MayBegin(BlockQueueHandler handler)
    {
        lock (_lock)
        {
            long now = _clock.GetTimestamp();
            TimeSpan passed = _clock.GetElapsedTime(_at, now);
            _at = now;
            TimeSpan wait = Max(_requests.Refill(passed), _bytes.Refill(passed));
            if (wait <= TimeSpan.Zero)
            {
                return true;
            }

            if (_waiting.Count == 0)
            {
                _timer.Change(Max(ShortestWait, wait < LongestWait ? wait : LongestWait), Timeout.InfiniteTimeSpan);
            }

            if (!_waiting.Contains(handler))
            {
                _waiting.Add(handler);
            }

            return false;
        }
    }

    /// <summary>Counts a request that has begun.</summary>
    internal void Charge(ulong bytes)
    {
        lock (_lock)
        {
            _requests.Take(1);
            _bytes.Take(bytes);
        }
    }

    /// <summary>Forgets a handler: it does not wait any more.</summary>
    internal void Remove(BlockQueueHandler handler)
    {
        lock (_lock)
        {
            _waiting.Remove(handler);
        }
    }

    public void Dispose() => _timer.Dispose();

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private void WakeAll()
    {
        lock (_lock)
        {
            // Each looks by itself whether it may go on, and waits again if not.
            _waiting.ForEach(static handler => handler.LookAgain());
            _waiting.Clear();
        }
    }
}
