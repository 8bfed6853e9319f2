namespace Hyperspan.Snapshots;

/// <summary>The regions of an image in the order of their addresses, and which pages of a chunk belong to any.</summary>
internal sealed class RegionMap
{
    private readonly SnapshotRegion[] _regions;

    /// <summary>Takes regions in the order of their addresses, none empty, none sharing a page with another.</summary>
    internal RegionMap(SnapshotRegion[] regions) => _regions = regions;

    internal IReadOnlyList<SnapshotRegion> All => _regions;

    /// <summary>The bytes of all of them.</summary>
    internal ulong TotalBytes
    {
        get
        {
            UInt128 sum = 0;
            foreach (SnapshotRegion region in _regions)
            {
                sum += region.Range.Length;
            }

            return (ulong)UInt128.Min(sum, ulong.MaxValue);
        }
    }

    /// <summary>The pages of a chunk that are memory.</summary>
    internal ulong PagesOf(ulong chunk)
    {
        ulong pages = 0;
        for (int i = FirstEndingAtOrAfter(chunk); i < _regions.Length && _regions[i].Range.Start.Value >> SnapshotFormat.ChunkShift <= chunk; i++)
        {
            pages |= _regions[i].PagesOf(chunk);
        }

        return pages;
    }

    /// <summary>The first chunk from a number on that has memory.</summary>
    internal bool TryNextChunk(ulong from, out ulong chunk)
    {
        int i = FirstEndingAtOrAfter(from);
        chunk = i < _regions.Length ? Math.Max(from, _regions[i].Range.Start.Value >> SnapshotFormat.ChunkShift) : 0;
        return i < _regions.Length;
    }

    /// <summary>The first region whose last byte is in a chunk or after it.</summary>
    internal int FirstEndingAtOrAfter(ulong chunk) =>
        SortedSearch.FirstNotBelow<SnapshotRegion>(_regions, chunk, static region => region.Range.Last!.Value.Value >> SnapshotFormat.ChunkShift);
}
