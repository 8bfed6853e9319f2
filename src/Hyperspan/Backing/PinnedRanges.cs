using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>Which pages of a backing are pinned, by anybody, since somebody wants to know. Safe to use from any thread.</summary>
internal sealed class PinnedRanges
{
    private const int CancellationPollMilliseconds = 10;

    // Also what is locked, and what is waited on.
    private readonly Dictionary<(ulong First, ulong Count), int> _ranges = [];
    private int _waiting;

    internal void Add(ulong first, ulong count)
    {
        using (UninterruptedMonitor.Enter(_ranges))
        {
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_ranges, (first, count), out _)++;
        }
    }

    internal void Remove(ulong first, ulong count)
    {
        using (UninterruptedMonitor.Enter(_ranges))
        {
            if (--System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(_ranges, (first, count)) == 0)
            {
                _ranges.Remove((first, count));
                if (_waiting != 0)
                {
                    Monitor.PulseAll(_ranges);
                }
            }
        }
    }

    /// <summary>Waits until no page is pinned from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    internal void WaitUntilFree(ulong first, ulong end, CancellationToken cancellationToken)
    {
        lock (_ranges)
        {
            _waiting++;
            try
            {
                while (FirstInLocked(first, end) is not null)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Monitor.Wait(_ranges, CancellationPollMilliseconds);
                }
            }
            finally
            {
                _waiting--;
            }
        }
    }

    /// <summary>Does something while no page is pinned from <paramref name="first"/> to before <paramref name="end"/>, and none can be: whoever pins waits.</summary>
    /// <returns>The lowest page that is pinned, where there is one and nothing was done.</returns>
    internal ulong? RunUnpinned(ulong first, ulong end, Action action)
    {
        lock (_ranges)
        {
            ulong? pinned = FirstInLocked(first, end);
            if (pinned is null)
            {
                action();
            }

            return pinned;
        }
    }

    /// <summary>Has who wants to pin, or to do something while nothing is pinned, wait until <see cref="LetGo"/>, which this thread calls.</summary>
    internal void Hold() => Monitor.Enter(_ranges);

    /// <summary>Ends what <see cref="Hold"/> began.</summary>
    internal void LetGo() => Monitor.Exit(_ranges);

    /// <summary>The lowest pinned page from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    internal ulong? FirstIn(ulong first, ulong end)
    {
        lock (_ranges)
        {
            return FirstInLocked(first, end);
        }
    }

    private ulong? FirstInLocked(ulong first, ulong end)
    {
        ulong? lowest = null;
        foreach ((ulong start, ulong count) in _ranges.Keys)
        {
            ulong candidate = Math.Max(start, first);
            if (candidate < end && candidate - start < count && !(lowest <= candidate))
            {
                lowest = candidate;
            }
        }

        return lowest;
    }
}
