using System.Diagnostics;

namespace Hyperspan.Virtio;

/// <summary>How much a disk may do at most, over all its queues.</summary>
/// <remarks>
/// <para>
/// Each request that reaches the image (a read, a write, a flush, a discard, a write of zeros) counts as one; reads and writes count with their bytes as well. What was not used is
/// saved up for <see cref="Burst"/>. A request is begun while something is left, and may take more than that: the rest is waited for before the next one.
/// </para>
/// <para>
/// Requests that have to wait stay in the ring, unread: they are the driver's until they are taken, so nothing has to be drained for them when a queue stops, and their time of
/// waiting is not in the figures.
/// </para>
/// </remarks>
[DebuggerDisplay("{RequestsPerSecond} requests, {BytesPerSecond} bytes per second, burst {Burst}")]
public sealed class DiskThrottle
{
    /// <summary>Gets how many requests a second; without limit if zero, which is the default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long RequestsPerSecond { get; init => field = NotNegative(value); }

    /// <summary>Gets how many bytes a second are read and written together; without limit if zero, which is the default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long BytesPerSecond { get; init => field = NotNegative(value); }

    /// <summary>Gets for how long what is not used is saved up: so much may be done at once after that time. Up to an hour; the default is 100 ms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive, or longer than an hour.</exception>
    public TimeSpan Burst
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1));
            field = value;
        }
    } = TimeSpan.FromMilliseconds(100);

    private static long NotNegative(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        return value;
    }
}
