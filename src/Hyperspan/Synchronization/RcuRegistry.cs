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

    // Of domains that were collected while a thread was in a section of theirs.
    private static readonly List<int> LingeringIndexes = [];
    private static RcuThread[] AllThreads = [];
    private static int SweepAt = FirstSweep;
    private static int NextIndex = GuestMemoryIndex + 1;

    /// <summary>All records, those without a thread included. The array is never changed, only replaced.</summary>
    internal static RcuThread[] Threads => Volatile.Read(ref AllThreads);

    /// <summary>Takes a number for a domain.</summary>
    internal static int AcquireIndex()
    {
        using (UninterruptedLock.Enter(Gate))
        {
            if (UnusedIndexes.Count == 0 && LingeringIndexes.Count != 0)
            {
                SweepUnderLock();
                LingeringIndexes.RemoveAll(static lingering =>
                {
                    bool over = !IsInUse(lingering);
                    if (over)
                    {
                        UnusedIndexes.Push(lingering);
                    }

                    return over;
                });
            }

            return UnusedIndexes.TryPop(out int index) ? index : NextIndex++;
        }
    }

    /// <summary>
    /// Gives a domain's number back. Nobody can enter the domain any more; while a section of it is still running, its number is
    /// not used again, so that a new domain does not take the section for one of its own.
    /// </summary>
    internal static void ReleaseIndex(int index)
    {
        using (UninterruptedLock.Enter(Gate))
        {
            if (IsInUse(index))
            {
                LingeringIndexes.Add(index);
            }
            else
            {
                UnusedIndexes.Push(index);
            }
        }
    }

    /// <summary>A record for the calling thread, which has none.</summary>
    internal static RcuThread Register()
    {
        using (UninterruptedLock.Enter(Gate))
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
        using (UninterruptedLock.Enter(Gate))
        {
            SweepUnderLock();
        }
    }

    private static unsafe bool IsInUse(int index)
    {
        foreach (RcuThread thread in AllThreads)
        {
            // SAFETY: slots are never freed.
            RcuSlot* slot = thread.FindSlot(index);
            if (slot != null && slot->IsInSection)
            {
                return true;
            }
        }

        return false;
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
