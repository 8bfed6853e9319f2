namespace Hyperspan.Synchronization;

/// <summary>
/// A lock held by whoever gives something back. <see cref="Thread.Interrupt"/> does not keep the thread from it: what was to be given back would be lost for good. The
/// interrupt is put off to where the thread waits next.
/// </summary>
internal readonly ref struct UninterruptedLock
{
    private readonly Lock _held;
    private readonly bool _interrupted;

    private UninterruptedLock(Lock held, bool interrupted)
    {
        _held = held;
        _interrupted = interrupted;
    }

    /// <summary>Waits for the lock, and holds it until the result is disposed.</summary>
    internal static UninterruptedLock Enter(Lock gate)
    {
        bool interrupted = false;
        while (true)
        {
            try
            {
                gate.Enter();
                return new UninterruptedLock(gate, interrupted);
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
            }
        }
    }

    /// <summary>Leaves the lock.</summary>
    public void Dispose()
    {
        _held.Exit();
        if (_interrupted)
        {
            Thread.CurrentThread.Interrupt();
        }
    }
}
