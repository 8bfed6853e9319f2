namespace Hyperspan.Synchronization;

/// <summary>As <see cref="UninterruptedLock"/>, of an object that is waited on as well.</summary>
internal readonly ref struct UninterruptedMonitor
{
    private readonly object _held;
    private readonly bool _interrupted;

    private UninterruptedMonitor(object held, bool interrupted)
    {
        _held = held;
        _interrupted = interrupted;
    }

    internal static UninterruptedMonitor Enter(object gate)
    {
        bool interrupted = false;
        while (true)
        {
            try
            {
                Monitor.Enter(gate);
                return new UninterruptedMonitor(gate, interrupted);
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
            }
        }
    }

    public void Dispose()
    {
        Monitor.Exit(_held);
        if (_interrupted)
        {
            Thread.CurrentThread.Interrupt();
        }
    }
}
