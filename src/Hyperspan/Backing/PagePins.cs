using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>How often each page is pinned. Not thread-safe: its owner holds a lock.</summary>
internal sealed class PagePins
{
    private readonly Dictionary<ulong, int> _counts = [];

    internal bool IsPinned(ulong page) => _counts.ContainsKey(page);

    /// <summary>Counts each page once more, as often as it is named.</summary>
    internal void Add(ReadOnlySpan<ulong> pages)
    {
        // What can fail comes first: none or all are counted.
        _counts.EnsureCapacity(_counts.Count + pages.Length);
        foreach (ulong page in pages)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, page, out _)++;
        }
    }

    /// <summary>Counts each page once less; if that cannot be done for all of them, for none.</summary>
    /// <returns>The first page that is not pinned as often as it was named, or <see langword="null"/> for success.</returns>
    internal ulong? Remove(ReadOnlySpan<ulong> pages)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            ref int count = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, pages[i]);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref count))
            {
                Add(pages[..i]);
                return pages[i];
            }

            if (--count == 0)
            {
                _counts.Remove(pages[i]);
            }
        }

        return null;
    }

    /// <summary>Finds the lowest pinned page from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    internal ulong? FirstIn(ulong first, ulong end)
    {
        if (_counts.Count == 0)
        {
            return null;
        }

        // Whichever is fewer: the pages of the range or the pages pinned.
        if (end - first <= (ulong)_counts.Count)
        {
            for (ulong page = first; page < end; page++)
            {
                if (_counts.ContainsKey(page))
                {
                    return page;
                }
            }

            return null;
        }

        ulong? lowest = null;
        foreach (ulong page in _counts.Keys)
        {
            if (page >= first && page < end && !(lowest <= page))
            {
                lowest = page;
            }
        }

        return lowest;
    }
}
