namespace Hyperspan;

/// <summary>Which pages of a backing are pinned, by anybody, since somebody wants to know. Safe to use from any thread.</summary>
internal sealed class PinnedRanges
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(ulong First, ulong Count), int> _ranges = [];

    internal void Add(ulong first, ulong count)
    {
        lock (_lock)
        {
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_ranges, (first, count), out _)++;
        }
    }

    internal void Remove(ulong first, ulong count)
    {
        lock (_lock)
        {
            if (--System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(_ranges, (first, count)) == 0)
            {
                _ranges.Remove((first, count));
            }
        }
    }

    /// <summary>The lowest pinned page from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    internal ulong? FirstIn(ulong first, ulong end)
    {
        ulong? lowest = null;
        lock (_lock)
        {
            foreach ((ulong start, ulong count) in _ranges.Keys)
            {
                ulong candidate = Math.Max(start, first);
                if (candidate < end && candidate - start < count && !(lowest <= candidate))
                {
                    lowest = candidate;
                }
            }
        }

        return lowest;
    }
}
