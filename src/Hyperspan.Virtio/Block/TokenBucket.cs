namespace Hyperspan.Virtio;

/// <summary>So much a second, saved up for a time. It may be overdrawn by what is taken last. Used by one thread at a time.</summary>
internal sealed class TokenBucket
{
    private readonly double _perSecond;
    private readonly double _capacity;
    private double _left;

    /// <summary>Initializes a new instance of the <see cref="TokenBucket"/> class, full.</summary>
    /// <param name="perSecond">How much a second; without limit if zero.</param>
    /// <param name="burst">For how long it is saved up.</param>
    internal TokenBucket(double perSecond, TimeSpan burst)
    {
        _perSecond = perSecond;
        _capacity = Math.Max(1, perSecond * burst.TotalSeconds);
        _left = _capacity;
    }

    /// <summary>Adds what a time brings.</summary>
    /// <returns>How long to wait until something is left; zero if that is so now.</returns>
    internal TimeSpan Refill(TimeSpan passed)
    {
        if (_perSecond == 0)
        {
            return TimeSpan.Zero;
        }

        _left = Math.Min(_capacity, _left + (passed.TotalSeconds * _perSecond));

        // What is owed may be worth centuries: no time span holds that.
        return _left > 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min((1 - _left) / _perSecond, uint.MaxValue));
    }

    internal void Take(double amount) => _left -= amount;
}
