using System.Diagnostics;

namespace Hyperspan.Snapshots;

/// <summary>How memory is restored on demand.</summary>
[DebuggerDisplay("PageTimeout = {PageTimeout}")]
public sealed class OnDemandOptions
{
    /// <summary>
    /// Gets how long an access waits for its page from a source of the caller's own, before it fails with a <see cref="TimeoutException"/> as its cause. The reading goes on, and
    /// so a later access may find the page. 30 seconds; <see cref="Timeout.InfiniteTimeSpan"/> waits for ever.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, or more than <see cref="int.MaxValue"/> milliseconds (24 days) and not infinite.</exception>
    public TimeSpan PageTimeout
    {
        get;
        init => field = value == Timeout.InfiniteTimeSpan || (value >= TimeSpan.Zero && value.TotalMilliseconds <= int.MaxValue)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "A page is waited for up to 24 days, or for ever.");
    } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the name of the memory, used in errors.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "restored";
}
