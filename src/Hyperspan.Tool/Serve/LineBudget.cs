namespace Hyperspan.Tool.Serve;

/// <summary>So many at once and so many a second (a token bucket). Any thread may take.</summary>
internal sealed class LineBudget(int burst, int perSecond, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private double _left = burst;
    private long _at = clock.GetTimestamp();

    /// <summary>Takes one, if there is one.</summary>
    internal bool TryTake()
    {
        lock (_gate)
        {
            long now = clock.GetTimestamp();
            _left = Math.Min(burst, _left + (clock.GetElapsedTime(_at, now).TotalSeconds * perSecond));
            _at = now;
            if (_left < 1)
            {
                return false;
            }

            _left--;
            return true;
        }
    }
}
