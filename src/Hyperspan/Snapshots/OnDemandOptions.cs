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
    public TimeSpan PageTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the name of the memory, used in errors.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "restored";
}
