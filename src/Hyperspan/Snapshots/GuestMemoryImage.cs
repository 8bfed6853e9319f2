using Hyperspan.Interop.Linux;

namespace Hyperspan.Snapshots;

/// <summary>A guest's memory as it is now. What the kernel says was never touched is not looked at.</summary>
internal sealed class GuestMemoryImage : MemoryImage, IDisposable
{
    private readonly GuestMemory _memory;
    private readonly bool _skipUnreadable;
    private readonly GuestMemoryRegion[] _regions;
    private readonly RegionMap _map;
    private readonly Dictionary<GuestMemoryBacking, PresentPages> _present = [];

    // The part of a region that was found last, so that chunks in it need no further look.
    private int _partRegion = -1;
    private ulong _partStart;
    private ulong _partStop;
    private ulong _unreadablePages;

    internal GuestMemoryImage(GuestMemory memory, bool skipUnreadable)
    {
        ObjectDisposedException.ThrowIf(memory.IsDisposed, memory);
        _memory = memory;
        _skipUnreadable = skipUnreadable;
        _regions = [.. memory.Regions];
        try
        {
            foreach (GuestMemoryRegion region in _regions)
            {
                if (!_present.ContainsKey(region.Backing!))
                {
                    _present.Add(region.Backing!, new PresentPages(region.Backing!));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        _map = new RegionMap([.. _regions.Select(region => new SnapshotRegion(region.Range, region.Backing!.Name, PageSizeOf(region), region.Protection))]);
    }

    internal override RegionMap Regions => _map;

    internal override ulong UnreadablePages => _unreadablePages;

    public void Dispose()
    {
        foreach (PresentPages present in _present.Values)
        {
            present.Dispose();
        }
    }

    internal override bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        pages = 0;
        chunk = 0;
        for (int i = _map.FirstEndingAtOrAfter(from); i < _regions.Length; i++)
        {
            ulong firstOfRegion = _regions[i].Range.Start.Value >> SnapshotFormat.ChunkShift;
            if (pages != 0 && firstOfRegion > chunk)
            {
                // Another chunk's business.
                break;
            }

            if (!TryNextPart(i, pages != 0 ? chunk : Math.Max(from, firstOfRegion), out ulong at))
            {
                continue;
            }

            ulong found = at >> SnapshotFormat.ChunkShift;
            if (pages == 0)
            {
                chunk = found;
            }

            if (found == chunk)
            {
                pages |= PagesIn(i, chunk);
            }
        }

        return pages != 0;
    }

    internal override void Read(ulong chunk, ulong pages, Span<byte> packed)
    {
        ulong start = chunk << SnapshotFormat.ChunkShift;
        foreach (BitRun run in new BitRuns(pages))
        {
            int length = run.Count << SnapshotFormat.PageShift;
            ulong address = start + ((ulong)run.First << SnapshotFormat.PageShift);
            if (!TryRead(address, packed[..length]))
            {
                for (int at = 0; at < length; at += SnapshotFormat.PageSize)
                {
                    ReadPage(address + (ulong)at, packed.Slice(at, SnapshotFormat.PageSize));
                }
            }

            packed = packed[length..];
        }
    }

    /// <summary>The size of the pages that a region is on.</summary>
    internal static ulong PageSizeOf(GuestMemoryRegion region)
    {
        foreach (ShareableRegion file in region.Backing!.GetShareableRegions())
        {
            if (region.BackingOffset - file.Start < file.Length && FileDescriptors.FileSystemMagic(file.Handle) == LinuxConstants.HUGETLBFS_MAGIC)
            {
                return Math.Max(FileDescriptors.Status(file.Handle).BlockSize, PageMath.PageSize);
            }
        }

        return PageMath.PageSize;
    }

    /// <summary>Reads whole pages that lie in one region each, all or nothing.</summary>
    private bool TryRead(ulong address, Span<byte> pages) =>
        _map.FirstEndingAtOrAfter(address >> SnapshotFormat.ChunkShift) is var i && i < _regions.Length
        && _regions[i].Range.Start.Value <= address && _regions[i].Range.Last!.Value.Value - address >= (ulong)(pages.Length - 1)
        && _memory.TryRead(address, pages, out _);

    /// <summary>Reads what there is of one page; the rest of it is zero.</summary>
    private void ReadPage(ulong address, Span<byte> page)
    {
        page.Clear();
        for (int i = _map.FirstEndingAtOrAfter(address >> SnapshotFormat.ChunkShift); i < _regions.Length; i++)
        {
            GuestRange range = _regions[i].Range;
            ulong first = Math.Max(range.Start.Value, address);
            ulong last = Math.Min(range.Last!.Value.Value, address + (SnapshotFormat.PageSize - 1));
            if (first > last)
            {
                if (range.Start.Value > address)
                {
                    return;
                }

                continue;
            }

            Span<byte> part = page.Slice((int)(first - address), (int)(last - first) + 1);
            if (_memory.TryRead(first, part, out GuestMemoryFault fault))
            {
                continue;
            }

            part.Clear();
            if (!IsReserved(_regions[i], fault))
            {
                if (!_skipUnreadable || fault.Kind == GuestMemoryFaultKind.Disposed)
                {
                    throw fault.ToException();
                }

                _unreadablePages++;
            }
        }
    }

    /// <summary>A page that a sparse mapping has only reserved is no memory, and so not unreadable.</summary>
    private static bool IsReserved(GuestMemoryRegion region, in GuestMemoryFault fault) =>
        region.Backing is SparseBacking && fault is { Kind: GuestMemoryFaultKind.Unmapped, Cause: FaultCause.SegmentationFault };

    /// <summary>The first address of a region that can hold something, in a chunk or after it.</summary>
    private bool TryNextPart(int region, ulong chunk, out ulong address)
    {
        GuestRange range = _regions[region].Range;
        address = Math.Max(range.Start.Value, chunk << SnapshotFormat.ChunkShift);
        return TryNextPart(region, address, range.Last!.Value.Value, out address, out _);
    }

    /// <summary>The first part of a region from an address on. The last address of what is found is exact only up to a page.</summary>
    private bool TryNextPart(int index, ulong from, ulong last, out ulong first, out ulong partLast)
    {
        GuestMemoryRegion region = _regions[index];
        ulong shift = region.Range.Start.Value;
        if (_partRegion != index || from < _partStart || from > _partStop)
        {
            ulong offset = region.BackingOffset + (from - shift);
            ulong end = region.BackingOffset + region.Range.Length;
            if (!_present[region.Backing!].TryNext(offset, end, out ulong start, out ulong stop))
            {
                (first, partLast) = (0, 0);
                return false;
            }

            _partRegion = index;
            _partStart = shift + (start - region.BackingOffset);
            _partStop = shift + (stop - 1 - region.BackingOffset);
        }

        first = Math.Max(from, _partStart);
        partLast = Math.Min(_partStop, last);
        return first <= last;
    }

    private ulong PagesIn(int index, ulong chunk)
    {
        GuestRange range = _regions[index].Range;
        ulong start = chunk << SnapshotFormat.ChunkShift;
        ulong from = Math.Max(start, range.Start.Value);
        ulong last = Math.Min(start + (SnapshotFormat.ChunkSize - 1), range.Last!.Value.Value);
        ulong pages = 0;
        while (TryNextPart(index, from, last, out ulong first, out ulong partLast))
        {
            pages |= SnapshotFormat.Pages(
                (int)((first - start) >> SnapshotFormat.PageShift), (int)((partLast - start) >> SnapshotFormat.PageShift) + 1);
            if (partLast >= last)
            {
                break;
            }

            from = partLast + 1;
        }

        return pages;
    }
}
