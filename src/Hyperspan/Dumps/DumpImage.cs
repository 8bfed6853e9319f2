using Hyperspan.Snapshots;

namespace Hyperspan.Dumps;

/// <summary>The memory in a dump. Holes of the file are not read.</summary>
internal sealed class DumpImage : DumpMemory
{
    private readonly DumpBytes _bytes;
    private readonly DumpSegment[] _segments;

    internal DumpImage(DumpBytes bytes, DumpSegment[] segments, RegionMap regions)
    {
        _bytes = bytes;
        _segments = segments;
        Regions = regions;
    }

    internal override RegionMap Regions { get; }

    internal override bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        for (int i = FirstEndingAtOrAfter(from); i < _segments.Length; i++)
        {
            DumpSegment segment = _segments[i];
            ulong start = Math.Max(segment.Range.Start.Value, from << SnapshotFormat.ChunkShift);
            ulong offset = start - segment.Range.Start.Value;
            if (!TryNextData(segment, offset, out ulong data))
            {
                continue;
            }

            chunk = (segment.Range.Start.Value + data) >> SnapshotFormat.ChunkShift;
            pages = PagesOf(chunk);
            return true;
        }

        (chunk, pages) = (0, 0);
        return false;
    }

    internal override void ReadRange(ulong address, Span<byte> destination)
    {
        destination.Clear();
        if (destination.IsEmpty)
        {
            return;
        }

        ulong last = address + (ulong)(destination.Length - 1);
        for (int i = FirstEndingAtOrAfter(address >> SnapshotFormat.ChunkShift); i < _segments.Length && _segments[i].Range.Start.Value <= last; i++)
        {
            DumpSegment segment = _segments[i];
            ulong from = Math.Max(address, segment.Range.Start.Value);
            if (segment.FileLength == 0 || from - segment.Range.Start.Value >= segment.FileLength)
            {
                continue;
            }

            ulong to = Math.Min(last, segment.Range.Start.Value + (segment.FileLength - 1));
            if (to >= from)
            {
                _bytes.ReadAt(segment.FileOffset + (from - segment.Range.Start.Value), destination.Slice((int)(from - address), (int)(to - from) + 1));
            }
        }
    }

    private ulong PagesOf(ulong chunk)
    {
        ulong start = chunk << SnapshotFormat.ChunkShift;
        ulong pages = 0;
        for (int i = FirstEndingAtOrAfter(chunk); i < _segments.Length && _segments[i].Range.Start.Value >> SnapshotFormat.ChunkShift <= chunk; i++)
        {
            DumpSegment segment = _segments[i];
            ulong offset = Math.Max(segment.Range.Start.Value, start) - segment.Range.Start.Value;
            ulong limit = Math.Min(segment.FileLength, start + (SnapshotFormat.ChunkSize - 1) - segment.Range.Start.Value + 1);
            while (offset < limit && TryNextData(segment, offset, out ulong data) && data < limit)
            {
                ulong stop = Math.Min(limit, EndOfData(segment, data));
                pages |= SnapshotFormat.Pages(
                    (int)((segment.Range.Start.Value + data - start) >> SnapshotFormat.PageShift),
                    (int)((segment.Range.Start.Value + (stop - 1) - start) >> SnapshotFormat.PageShift) + 1);
                offset = stop;
            }
        }

        return pages;
    }

    /// <summary>The first byte of a segment from an offset on that is in the file and in no hole of it.</summary>
    private bool TryNextData(DumpSegment segment, ulong offset, out ulong data)
    {
        data = offset;
        if (offset >= segment.FileLength)
        {
            return false;
        }

        data = _bytes.NextData(segment.FileOffset + offset) - segment.FileOffset;
        return data < segment.FileLength;
    }

    private ulong EndOfData(DumpSegment segment, ulong data) => _bytes.EndOfData(segment.FileOffset + data) - segment.FileOffset;

    private int FirstEndingAtOrAfter(ulong chunk) =>
        SortedSearch.FirstNotBelow<DumpSegment>(_segments, chunk, static segment => segment.Range.Last!.Value.Value >> SnapshotFormat.ChunkShift);
}
