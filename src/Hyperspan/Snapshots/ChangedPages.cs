using System.Runtime.InteropServices;

namespace Hyperspan.Snapshots;

/// <summary>The pages that ranges touch, chunk by chunk in ascending order. Its memory grows with the ranges.</summary>
internal sealed class ChangedPages
{
    // Page numbers, the last included; in order, none touching the next.
    private readonly List<(ulong First, ulong Last)> _runs = [];

    internal ChangedPages(IEnumerable<GuestRange> ranges)
    {
        foreach (GuestRange range in ranges.Where(range => !range.IsEmpty).OrderBy(range => range.Start.Value))
        {
            ulong first = range.FirstPageNumber;
            ulong last = range.Last!.Value.PageNumber;
            if (_runs is [.., var previous] && first <= previous.Last + 1)
            {
                _runs[^1] = (previous.First, Math.Max(previous.Last, last));
            }
            else
            {
                _runs.Add((first, last));
            }
        }
    }

    /// <summary>Finds the first chunk from a number on that has any, and its pages.</summary>
    internal bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        const int Shift = SnapshotFormat.ChunkShift - SnapshotFormat.PageShift;
        int low = SortedSearch.FirstNotBelow(CollectionsMarshal.AsSpan(_runs), from, static run => run.Last >> Shift);
        pages = 0;
        chunk = low < _runs.Count ? Math.Max(from, _runs[low].First >> Shift) : 0;
        for (; low < _runs.Count && _runs[low].First >> Shift <= chunk; low++)
        {
            ulong start = chunk << Shift;
            ulong end = start + (SnapshotFormat.ChunkPages - 1);
            pages |= SnapshotFormat.Pages((int)(Math.Max(_runs[low].First, start) - start), (int)(Math.Min(_runs[low].Last, end) - start) + 1);
        }

        return pages != 0;
    }
}
