namespace Hyperspan.Virtio;

/// <summary>
/// Between a queue's thread and whoever waits for its end: either that one has given up for good, and the thread releases what it used, or the thread has ended before. A field
/// that is not copied.
/// </summary>
internal struct Abandonment
{
    private const int Abandoned = 1;
    private const int Ended = 2;

    private int _state;

    /// <summary>Gets a value indicating whether nobody waits for the thread any more. By any thread.</summary>
    internal bool IsAbandoned => Volatile.Read(ref _state) == Abandoned;

    /// <summary>Gives up waiting for the thread.</summary>
    /// <returns>Whether it is left to itself; else it has ended at this very moment.</returns>
    internal bool TryAbandon() => Interlocked.CompareExchange(ref _state, Abandoned, 0) == 0;

    /// <summary>The last step of the thread.</summary>
    /// <returns>Whether somebody waits for it; else what it used is its own to release.</returns>
    internal bool TryEnd() => Interlocked.CompareExchange(ref _state, Ended, 0) != Abandoned;

    /// <summary>Another thread is to begin; the one before has ended.</summary>
    internal void Reset() => _state = 0;
}
