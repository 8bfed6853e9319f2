namespace Hyperspan.Synchronization;

/// <summary>
/// The threads that ever entered a section of any domain, and the numbers of the domains. Everything here is off the readers'
/// way: a thread comes here once.
/// </summary>
/// <remarks>
/// Records of threads that have ended are found by asking the threads, not by finalizers: so reuse does not depend on when a
/// collection happens. Asking is done when there are twice as many records as threads were found alive the last time, which
/// bounds the records to twice the largest number of threads at one time and costs a new thread constant time on average.
/// </remarks>
internal static class RcuRegistry
{
    /// <summary>The number of the domain under which guest memory is accessed.</summary>
    internal const int GuestMemoryIndex = 0;

    private const int FirstSweep = 16;

    private static readonly Lock Gate = new();
    private static readonly Stack<RcuThread> Unowned = new();
    private static readonly Stack<int> UnusedIndexes = new();
    private static RcuThread[] AllThreads = [];
    private static int SweepAt = FirstSweep;
    private static int NextIndex = GuestMemoryIndex + 1;

    /// <summary>All records, those without a thread included. The array is never changed, only replaced.</summary>
    internal static RcuThread[] Threads => Volatile.Read(ref AllThreads);

    /// <summary>Takes a number for a domain.</summary>
    internal static int AcquireIndex()
    {
        lock (Gate)
        {
            return UnusedIndexes.TryPop(out int index) ? index : NextIndex++;
        }
    }

    /// <summary>
    /// Gives a domain's number back. Sections of the old domain may even be running: the slots belong to their threads as
    /// before, and a new domain with this number waits for those sections needlessly, that is all.
    /// </summary>
    internal static void ReleaseIndex(int index)
    {
        lock (Gate)
        {
            UnusedIndexes.Push(index);
        }
    }

    /// <summary>A record for the calling thread, which has none.</summary>
    internal static RcuThread Register()
    {
        lock (Gate)
        {
            if (Unowned.Count == 0 && AllThreads.Length >= SweepAt)
            {
                SweepUnderLock();
            }

            if (Unowned.TryPop(out RcuThread? thread))
            {
                thread.Owner = Thread.CurrentThread;
                return thread;
            }

            thread = new RcuThread { Owner = Thread.CurrentThread };
            Volatile.Write(ref AllThreads, [.. AllThreads, thread]);
            return thread;
        }
    }

    /// <summary>Takes the records of threads that have ended from them; a section such a thread never left counts as left.</summary>
    internal static void Sweep()
    {
        lock (Gate)
        {
            SweepUnderLock();
        }
    }

    private static void SweepUnderLock()
    {
        int alive = 0;
        foreach (RcuThread thread in AllThreads)
        {
            if (thread.Owner is not { } owner)
            {
                continue;
            }

            if (owner.IsAlive)
            {
                alive++;
                continue;
            }

            thread.Release();
            Unowned.Push(thread);
        }

        SweepAt = Math.Max(FirstSweep, alive * 2);
    }
}
