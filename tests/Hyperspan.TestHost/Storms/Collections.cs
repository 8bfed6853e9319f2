namespace Hyperspan.TestHost.Storms;

/// <summary>
/// Collections one after the other, with a breath now and then. A thread that starts or ends needs the lock the collector stops the world under; that lock is not fair,
/// and a thread that takes it again at once can keep the others out for minutes. Not thread-safe: one thread collects.
/// </summary>
internal sealed class Collections
{
    private const int BetweenBreaths = 16;

    private long _count;

    /// <summary>How many collections there were. May be read by any thread.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>One blocking collection, of each generation in turn.</summary>
    public void Collect()
    {
        GC.Collect((int)(_count % 3), GCCollectionMode.Forced, blocking: true);
        Volatile.Write(ref _count, _count + 1);
        if (_count % BetweenBreaths == 0)
        {
            Thread.Sleep(1);
        }
    }
}
