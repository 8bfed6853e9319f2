namespace Hyperspan;

/// <summary>The trackers by which an observer is told of what is written to the backings of a memory.</summary>
internal sealed class WriteObservation : IDisposable
{
    private readonly List<(GuestMemoryBacking Backing, Tracker Tracker)> _trackers = [];
    private int _ended;

    internal WriteObservation(ReadOnlySpan<MemoryRegion> regions, IWriteObserver observer)
    {
        foreach (MemoryRegion region in regions)
        {
            GuestMemoryBacking backing = region.Backing;
            if (!_trackers.Exists(entry => entry.Backing == backing))
            {
                _trackers.Add((backing, new Tracker(regions, backing, observer)));
            }
        }

        foreach ((GuestMemoryBacking backing, Tracker tracker) in _trackers)
        {
            backing.AddTracker(tracker);
        }

        Interlocked.MemoryBarrierProcessWide();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            foreach ((GuestMemoryBacking backing, Tracker tracker) in _trackers)
            {
                backing.RemoveTracker(tracker);
            }
        }
    }

    /// <summary>Translates places in a backing to addresses.</summary>
    private sealed class Tracker(ReadOnlySpan<MemoryRegion> regions, GuestMemoryBacking backing, IWriteObserver observer) : WriteTracker
    {
        private readonly MemoryRegion[] _regions = Array.FindAll(regions.ToArray(), region => region.Backing == backing);

        internal override void OnWritten(ulong offset, ulong length)
        {
            foreach (MemoryRegion region in _regions)
            {
                ulong first = Math.Max(offset, region.BackingOffset);
                ulong last = Math.Min(offset + (length - 1), region.BackingOffset + (region.Length - 1));
                if (first <= last)
                {
                    observer.OnWritten(region.Start + (first - region.BackingOffset), last - first + 1);
                }
            }
        }
    }
}
