using System.Diagnostics;

namespace Hyperspan.Synchronization;

/// <summary>The wait of one writer: the sections that were running when it began, and which of them are left.</summary>
internal struct RcuGracePeriod
{
    private readonly RcuDomain _domain;
    private readonly long _epoch;
    private readonly long _started;
    private List<Reader>? _readers;
    private TimeSpan _nextStall;

    private RcuGracePeriod(RcuDomain domain, long epoch)
    {
        _domain = domain;
        _epoch = epoch;
        _started = Stopwatch.GetTimestamp();
        _nextStall = domain.StallThreshold;
    }

    /// <summary>Begins a grace period: what the caller did before is visible to every section that is not waited for.</summary>
    internal static RcuGracePeriod Begin(RcuDomain domain)
    {
        // A full fence: orders the caller's updates before the look at who is attached; pairs with the fence in RcuSlot.Attach. A
        // thread that is not seen attached here, or that is not in the list yet, sees the updates in its next section. So
        // does a section that finds the new epoch. The calling thread is in no section, and needs no fence for its own updates.
        long epoch = RcuEpoch.Advance();
        RcuThread[] threads = RcuRegistry.Threads;
        RcuThread? self = RcuThread.Current;
        int index = domain.Index;
        if (!AnyAttached(threads, self, index))
        {
            return default;
        }

        ProcessBarrier.Issue();
        return Collect(domain, threads, self, epoch);
    }

    /// <summary>Whether the sections are all left. Afterwards what was done in them is visible to the caller.</summary>
    internal bool Poll()
    {
        if (_readers is null)
        {
            return true;
        }

        for (int i = _readers.Count - 1; i >= 0; i--)
        {
            if (_readers[i].HasLeft(_epoch))
            {
                _readers.RemoveAt(i);
            }
        }

        if (_readers.Count != 0)
        {
            return false;
        }

        _readers = null;
        return true;
    }

    /// <summary>For a writer that has begun to sleep: looks after readers that ended in their section, and reports stalls.</summary>
    internal void CheckReaders()
    {
        if (_readers is null)
        {
            return;
        }

        if (_readers.Exists(static reader => !reader.Owner.IsAlive))
        {
            RcuRegistry.Sweep();
        }

        TimeSpan waited = Stopwatch.GetElapsedTime(_started);
        if (_nextStall < TimeSpan.Zero || waited < _nextStall)
        {
            return;
        }

        _nextStall = waited * 2;
        foreach (Reader reader in _readers)
        {
            if (!reader.HasLeft(_epoch))
            {
                _domain.OnStalled(new RcuStallEventArgs(reader.Owner, waited));
            }
        }
    }

    /// <summary>
    /// The sections running now and not entered after <paramref name="epoch"/>, without the fences that make the answer worth
    /// something. Apart for the litmus tests, which show that they fail without the fences.
    /// </summary>
    internal static unsafe RcuGracePeriod Collect(RcuDomain domain, RcuThread[] threads, RcuThread? self, long epoch)
    {
        var period = new RcuGracePeriod(domain, epoch);
        foreach (RcuThread thread in threads)
        {
            // SAFETY: slots are never freed.
            RcuSlot* slot = thread == self ? null : thread.FindSlot(domain.Index);
            if (slot != null && slot->IsInSectionSince(epoch) && thread.Owner is { } owner)
            {
                (period._readers ??= []).Add(new Reader((nint)slot, owner));
            }
        }

        return period;
    }

    /// <summary>Whether any other thread may be in a section: if not, a writer needs no barrier.</summary>
    internal static bool AnyAttached(RcuThread[] threads, RcuThread? self, int index)
    {
        foreach (RcuThread thread in threads)
        {
            if (thread != self && thread.IsAttached(index))
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct Reader(nint Slot, Thread Owner)
    {
        internal unsafe bool HasLeft(long epoch)
        {
            // SAFETY: slots are never freed.
            return !((RcuSlot*)Slot)->IsInSectionSince(epoch);
        }
    }
}
