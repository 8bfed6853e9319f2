using Hyperspan.Snapshots;

namespace Hyperspan.Tool.Snapshots;

/// <summary>How much is used of each of many equal parts of a region. What it needs does not grow with the memory.</summary>
internal sealed class UsedMemory
{
    /// <summary>The most parts that are ever drawn.</summary>
    internal const int Parts = 100;

    private ulong[]? _used;

    private UsedMemory(SnapshotRegion region) => Region = region;

    internal SnapshotRegion Region { get; }

    /// <summary>Gets the bytes that are used.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>Counts ranges, in whatever order, for the regions they lie in, which are in the order of their addresses.</summary>
    internal static IReadOnlyList<UsedMemory> Count(IEnumerable<SnapshotRegion> regions, IEnumerable<GuestRange> ranges)
    {
        UsedMemory[] used = [.. regions.Select(region => new UsedMemory(region))];
        foreach (GuestRange range in ranges)
        {
            int first = SortedSearch.FirstNotBelow<UsedMemory>(used, range.Start.Value, static one => one.Region.Range.Last!.Value.Value);
            for (int i = first; i < used.Length && used[i].Region.Range.Start.Value <= range.Last!.Value.Value; i++)
            {
                used[i].Add(range);
            }
        }

        return used;
    }

    /// <summary>How much of the part from one fraction of the region to another is used, and how long that part is.</summary>
    internal (ulong Used, ulong All) Part(int index, int count)
    {
        // Fewer are drawn than are counted where the terminal is narrow.
        int first = index * Parts / count;
        int end = Math.Max((index + 1) * Parts / count, first + 1);
        ulong used = 0;
        for (int i = first; i < end; i++)
        {
            used += _used?[i] ?? 0;
        }

        return (used, Bound(end) - Bound(first));
    }

    private void Add(GuestRange range)
    {
        ulong first = Math.Max(range.Start.Value, Region.Range.Start.Value);
        ulong last = Math.Min(range.Last!.Value.Value, Region.Range.Last!.Value.Value);
        if (first > last)
        {
            return;
        }

        ulong from = first - Region.Range.Start.Value;
        ulong to = last - Region.Range.Start.Value + 1;
        Bytes += to - from;
        _used ??= new ulong[Parts];
        for (int i = PartOf(from); i < Parts && Bound(i) < to; i++)
        {
            ulong start = Math.Max(from, Bound(i));
            ulong end = Math.Min(to, Bound(i + 1));
            _used[i] += end > start ? end - start : 0;
        }
    }

    private int PartOf(ulong offset) => Math.Max((int)((UInt128)offset * Parts / Region.Range.Length) - 1, 0);

    private ulong Bound(int part) => (ulong)((UInt128)Region.Range.Length * (uint)part / Parts);
}
