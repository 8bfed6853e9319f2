using Hyperspan.Synchronization;

namespace Hyperspan;

/// <content>Who is told of writes. Nobody, most of the time: then the gates of all memories are calm, and none asks here.</content>
public abstract partial class GuestMemoryBacking
{
    private WriteTracker[]? _trackers;
    private BackingDirtyLog? _soleLog;

    /// <summary>Gets who is told of each write, or <see langword="null"/> for nobody. Looked at after the write.</summary>
    internal WriteTracker[]? Trackers => Volatile.Read(ref _trackers);

    /// <summary>Gets the dirty log where that is all there is to be told, as it mostly is: then no list is gone through for a value.</summary>
    internal BackingDirtyLog? SoleLog => Volatile.Read(ref _soleLog);

    /// <summary>
    /// Tells those who keep track of writes that bytes have changed. For a backing that changes its content by itself, in a page-fault handler for instance, and for who knows
    /// that somebody else did (<see cref="IDirtySource"/>); what is written through <see cref="GuestMemory"/> is told without it, by its fallback methods as well. Call it
    /// when the bytes are there. Safe from any thread; where nobody keeps track it does nothing.
    /// </summary>
    /// <param name="offset">The first byte, in bytes from the start of this backing.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not in this backing.</exception>
    public void ReportWritten(ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        MarkWritten(offset, length);
    }

    /// <summary>Tells all trackers of a write. The range is in bounds.</summary>
    internal void MarkWritten(ulong offset, ulong length)
    {
        if (length != 0 && Trackers is { } trackers)
        {
            foreach (WriteTracker tracker in trackers)
            {
                tracker.OnWritten(offset, length);
            }
        }
    }

    /// <summary>Tells all trackers of what is pinned for writing. The range is in bounds.</summary>
    internal void MarkHeld(ulong offset, ulong length)
    {
        foreach (WriteTracker tracker in Trackers ?? [])
        {
            tracker.OnHeld(offset, length);
        }
    }

    /// <summary>
    /// Has a tracker told of each write that begins after this and <see cref="Interlocked.MemoryBarrierProcessWide"/>, and of some that have begun before: a write looks
    /// for trackers when it has stored.
    /// </summary>
    internal void AddTracker(WriteTracker tracker)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            AddTrackerLocked(tracker);
        }
    }

    /// <summary>Ends <see cref="AddTracker"/>. A write under way may still tell it.</summary>
    internal void RemoveTracker(WriteTracker tracker)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            RemoveTrackerLocked(tracker);
        }
    }

    /// <summary>Adds a reader of the dirty log, which is made for the first one.</summary>
    internal DirtyMap AddDirtyReader(DirtyLogScope scope, out BackingDirtyLog log)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            log = DirtyLogOf(_trackers) ?? new BackingDirtyLog(this);
            DirtyMap reader = log.AddReader(scope);
            if (DirtyLogOf(_trackers) is null)
            {
                AddTrackerLocked(log);
            }

            return reader;
        }
    }

    /// <summary>Removes a reader, and the dirty log with the last one.</summary>
    internal void RemoveDirtyReader(BackingDirtyLog log, DirtyMap reader)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            if (log.RemoveReader(reader))
            {
                RemoveTrackerLocked(log);
            }
        }
    }

    private static BackingDirtyLog? DirtyLogOf(WriteTracker[]? trackers)
    {
        foreach (WriteTracker tracker in trackers ?? [])
        {
            if (tracker is BackingDirtyLog log)
            {
                return log;
            }
        }

        return null;
    }

    private void AddTrackerLocked(WriteTracker tracker)
    {
        bool first = _trackers is null;
        SetTrackers([.. _trackers ?? [], tracker]);
        if (first)
        {
            TellAttached(tracked: true);
        }
    }

    private void RemoveTrackerLocked(WriteTracker tracker)
    {
        if (_trackers is null)
        {
            return;
        }

        WriteTracker[] left = Array.FindAll(_trackers, other => other != tracker);
        SetTrackers(left.Length == 0 ? null : left);
        if (left.Length == 0)
        {
            TellAttached(tracked: false);
        }
    }

    private void SetTrackers(WriteTracker[]? trackers)
    {
        Volatile.Write(ref _trackers, trackers);
        Volatile.Write(ref _soleLog, trackers is [BackingDirtyLog log] ? log : null);
        foreach (WeakReference<GuestMemory> reference in _attached)
        {
            if (reference.TryGetTarget(out GuestMemory? memory))
            {
                memory.OnTrackersChanged(this);
            }
        }
    }

    private void TellAttached(bool tracked)
    {
        foreach (WeakReference<GuestMemory> reference in _attached)
        {
            if (reference.TryGetTarget(out GuestMemory? memory))
            {
                memory.OnTracked(this, tracked);
            }
        }
    }
}
