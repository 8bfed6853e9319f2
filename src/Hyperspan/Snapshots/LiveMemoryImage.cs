using System.Numerics;

using Hyperspan.Interop.Linux;
using Hyperspan.UserFaults;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>A guest's memory as it was at one moment, while it is written.</summary>
/// <remarks>
/// A page is read, then asked for: if somebody has written it since, what it held is taken from where the keeper put it, whatever was read. What has been passed is let go.
/// </remarks>
internal sealed class LiveMemoryImage : MemoryImage, IDisposable
{
    // What has been passed is let go in pieces of this many bytes at least: each is a system call.
    private const ulong LetGoAtOnce = 1 << 20;

    // Several at a time would hold what each other wants to hold.
    private static readonly Lock Capturing = new();

    private readonly GuestMemoryRegion[] _regions;
    private readonly PageExtent?[] _extents;
    private readonly List<GuestMemoryBacking> _used = [];
    private readonly Dictionary<GuestMemoryBacking, DiscardedParts> _discarded = [];
    private readonly bool _isSharedByRegions;
    private readonly PageKeeper _keeper;
    private readonly GuestMemoryImage _now;
    private ulong _letGo;
    private bool _isNoted;

    /// <summary>Prepares it; nothing is held yet.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="skipUnreadable">Whether pages that cannot be read count as zero.</param>
    /// <param name="spill">A file that nobody else knows, for what does not fit into memory.</param>
    /// <param name="memorySlots">How many pieces of 4 KiB are kept in memory.</param>
    /// <exception cref="NotSupportedException">The memory is of a kind that cannot be saved so, or (<see cref="PlatformNotSupportedException"/>) the system is.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    internal LiveMemoryImage(GuestMemory memory, bool skipUnreadable, SafeFileHandle spill, ulong memorySlots = PageKeeper.MostMemorySlots)
    {
        ObjectDisposedException.ThrowIf(memory.IsDisposed, memory);
        _regions = [.. memory.Regions];
        _extents = new PageExtent?[_regions.Length];
        try
        {
            for (int i = 0; i < _regions.Length; i++)
            {
                Use(_regions[i].Backing!);
                _extents[i] = ExtentOf(_regions[i]);
            }

            PageExtent[] extents = Join(_extents, out _isSharedByRegions);
            _keeper = new PageKeeper(extents, spill, memorySlots);
            _now = new GuestMemoryImage(memory, skipUnreadable);
        }
        catch
        {
            _keeper?.Dispose();
            EndUses();
            throw;
        }
    }

    internal override RegionMap Regions => _now.Regions;

    internal override ulong UnreadablePages => _now.UnreadablePages;

    /// <summary>Gets how many bytes had to be kept elsewhere so far.</summary>
    internal ulong KeptBytes => _keeper.KeptBytes;

    /// <summary>Makes this the moment as of which the memory is read. Who writes is held until this returns.</summary>
    /// <exception cref="GuestMemoryMappingException">The kernel does not protect such memory, or something else watches it.</exception>
    internal void Capture()
    {
        lock (Capturing)
        {
            HoldDiscards(() =>
            {
                _isNoted = true;
                foreach ((GuestMemoryBacking backing, DiscardedParts discarded) in _discarded)
                {
                    ((SharedBacking)backing).BeginLiveSave(discarded);
                }

                _keeper.Arm();
            });
        }
    }

    internal override bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        LetGo(from);
        bool found = _now.TryNext(from, out chunk, out pages);

        // What was given back is noted before it goes: so it is looked for after the kernel was asked.
        for (ulong at = from; TryNextDiscarded(at, found ? chunk : ulong.MaxValue, out ulong discarded); at = discarded + 1)
        {
            ulong kept = KeptPages(discarded) | (found && discarded == chunk ? pages : 0);
            if (kept != 0)
            {
                (chunk, pages) = (discarded, kept);
                return true;
            }
        }

        return found;
    }

    internal override void Read(ulong chunk, ulong pages, Span<byte> packed)
    {
        ulong start = chunk << SnapshotFormat.ChunkShift;
        if (TryNextDiscarded(chunk, chunk, out _) && (KeptPages(chunk) & pages) is not 0 and ulong kept)
        {
            // A hole that is read is none any more: what was given back would take memory again.
            packed.Clear();
            ReadRest(chunk, pages, kept, packed);
        }
        else
        {
            _now.Read(chunk, pages, packed);
        }

        foreach (BitRun run in new BitRuns(pages))
        {
            int length = run.Count << SnapshotFormat.PageShift;
            PutBack(start + ((ulong)run.First << SnapshotFormat.PageShift), packed[..length]);
            packed = packed[length..];
        }

        _keeper.ThrowIfFailed();
    }

    /// <summary>Lets everything go.</summary>
    internal override void EndReading()
    {
        _keeper.End();
        if (!_isNoted)
        {
            return;
        }

        lock (Capturing)
        {
            HoldDiscards(() =>
            {
                _isNoted = false;
                foreach ((GuestMemoryBacking backing, DiscardedParts discarded) in _discarded)
                {
                    ((SharedBacking)backing).EndLiveSave(discarded);
                }
            });
        }
    }

    public void Dispose()
    {
        EndReading();
        _now.Dispose();
        _keeper.Dispose();
        EndUses();
    }

    /// <summary>Refuses what would not be saved as of one moment, and is known.</summary>
    private static unsafe PageExtent? ExtentOf(GuestMemoryRegion region)
    {
        GuestMemoryBacking backing = region.Backing!;
        if (!backing.IsWritable)
        {
            return null;
        }

        string? obstacle = backing switch
        {
            ForeignBacking => "another process has it too, and writes through a mapping of its own, which cannot be held from here",
            SparseBacking => "its pages come and go, and one that went would be lost",
            OnDemandBacking => "it is being restored on demand, and one userfaultfd watches a mapping",
            _ when backing.Mapping == null => "it has no mapping: what its fallback methods write cannot be held",
            FileBacking file when !IsProtectable(file) => "the kernel does not protect mappings of a file on such a file system, only of memory files, tmpfs and huge pages",
            _ => null,
        };
        if (obstacle is not null)
        {
            throw new NotSupportedException($"'{backing.Name}' cannot be saved while it is written: {obstacle}. Pause who writes, and use SaveAsync.");
        }

        // Huge pages are protected whole.
        ulong size = Math.Max(GuestMemoryImage.PageSizeOf(region), PageMath.HostPageSize);
        ulong start = (ulong)backing.Mapping + region.BackingOffset;
        ulong end = PageMath.RoundUp(start + region.Range.Length, size);
        bool isPrivate = backing is not FileBacking && backing.GetShareableRegions().Count == 0;
        return new PageExtent(start & ~(size - 1), end, BitOperations.Log2(size), isPrivate, backing.Name);
    }

    private static bool IsProtectable(FileBacking backing)
    {
        foreach (ShareableRegion file in backing.GetShareableRegions())
        {
            if (FileDescriptors.FileSystemMagic(file.Handle) is not (LinuxConstants.TMPFS_MAGIC or LinuxConstants.HUGETLBFS_MAGIC))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Gives the extents in the order of addresses, and each page once.</summary>
    private static PageExtent[] Join(PageExtent?[] extents, out bool isShared)
    {
        isShared = false;
        var joined = new List<PageExtent>();
        foreach (PageExtent extent in extents.OfType<PageExtent>().OrderBy(extent => extent.Start))
        {
            if (joined is [.., var last] && extent.Start < last.End)
            {
                isShared = true;
                joined[^1] = last with { End = Math.Max(last.End, extent.End), Shift = Math.Max(last.Shift, extent.Shift) };
            }
            else
            {
                joined.Add(extent);
            }
        }

        return [.. joined];
    }

    private void Use(GuestMemoryBacking backing)
    {
        if (!_used.Contains(backing))
        {
            ObjectDisposedException.ThrowIf(!backing.TryBeginUse(), backing);
            _used.Add(backing);
            if (backing is SharedBacking { IsDiscardable: true })
            {
                _discarded.Add(backing, new DiscardedParts(backing.Length));
            }
        }
    }

    /// <summary>Does something while nothing of the memory is given back to the system.</summary>
    private void HoldDiscards(Action action)
    {
        int held = 0;
        try
        {
            for (; held < _used.Count; held++)
            {
                (_used[held] as SharedBacking)?.HoldDiscards();
            }

            action();
        }
        finally
        {
            while (held > 0)
            {
                (_used[--held] as SharedBacking)?.LetDiscard();
            }
        }
    }

    /// <summary>Finds the first chunk, from one to another, in which something was given back.</summary>
    private bool TryNextDiscarded(ulong from, ulong to, out ulong chunk)
    {
        chunk = from;
        for (int i = _now.Regions.FirstEndingAtOrAfter(from); i < _regions.Length && _regions[i].Range.Start.Value >> SnapshotFormat.ChunkShift <= to; i++)
        {
            if (!_discarded.TryGetValue(_regions[i].Backing!, out DiscardedParts? discarded) || discarded.IsEmpty)
            {
                continue;
            }

            ulong first = _regions[i].Range.Start.Value;
            ulong last = _regions[i].Range.Last!.Value.Value;
            for (chunk = Math.Max(from, first >> SnapshotFormat.ChunkShift); chunk <= Math.Min(to, last >> SnapshotFormat.ChunkShift); chunk++)
            {
                ulong start = Math.Max(first, chunk << SnapshotFormat.ChunkShift);
                ulong end = Math.Min(last, (chunk << SnapshotFormat.ChunkShift) + (SnapshotFormat.ChunkSize - 1));
                if (discarded.HasAny(_regions[i].BackingOffset + (start - first), end - start + 1))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>The pages of a chunk that have been kept.</summary>
    private ulong KeptPages(ulong chunk)
    {
        ulong kept = 0;
        ulong start = chunk << SnapshotFormat.ChunkShift;
        for (int i = _now.Regions.FirstEndingAtOrAfter(chunk); i < _regions.Length && _regions[i].Range.Start.Value >> SnapshotFormat.ChunkShift <= chunk; i++)
        {
            GuestRange range = _regions[i].Range;
            ulong last = Math.Min(range.Last!.Value.Value, start + (SnapshotFormat.ChunkSize - 1));
            for (ulong at = Math.Max(start, range.Start.Value); at <= last; at = (at | (SnapshotFormat.PageSize - 1)) + 1)
            {
                if (_extents[i] is not null && _keeper.IsKept(PlaceOf(i, at)))
                {
                    kept |= 1UL << (int)((at - start) >> SnapshotFormat.PageShift);
                }
            }
        }

        return kept;
    }

    /// <summary>Reads those of some pages that have not been kept.</summary>
    private void ReadRest(ulong chunk, ulong pages, ulong kept, Span<byte> packed)
    {
        foreach (BitRun run in new BitRuns(pages))
        {
            for (int bit = run.First; bit < run.First + run.Count; bit++)
            {
                if ((kept >> bit & 1) == 0)
                {
                    _now.Read(chunk, 1UL << bit, packed[..SnapshotFormat.PageSize]);
                }

                packed = packed[SnapshotFormat.PageSize..];
            }
        }
    }

    private void EndUses()
    {
        foreach (GuestMemoryBacking backing in _used)
        {
            backing.EndUse();
        }

        _used.Clear();
    }

    private void PutBack(ulong address, Span<byte> bytes)
    {
        ulong last = address + (ulong)(bytes.Length - 1);
        for (int i = _now.Regions.FirstEndingAtOrAfter(address >> SnapshotFormat.ChunkShift); i < _regions.Length && _regions[i].Range.Start.Value <= last; i++)
        {
            GuestRange range = _regions[i].Range;
            ulong from = Math.Max(address, range.Start.Value);
            ulong to = Math.Min(last, range.Last!.Value.Value);
            if (from <= to && _extents[i] is not null)
            {
                _keeper.PutBack(PlaceOf(i, from), bytes.Slice((int)(from - address), (int)(to - from) + 1));
            }
        }
    }

    /// <summary>Lets go what lies before a chunk.</summary>
    private void LetGo(ulong chunk)
    {
        ulong to = chunk << SnapshotFormat.ChunkShift;
        if (_isSharedByRegions || to < _letGo || to - _letGo < LetGoAtOnce)
        {
            return;
        }

        for (int i = _now.Regions.FirstEndingAtOrAfter(_letGo >> SnapshotFormat.ChunkShift); i < _regions.Length && _regions[i].Range.Start.Value < to; i++)
        {
            GuestRange range = _regions[i].Range;
            if (_extents[i] is not { } extent)
            {
                continue;
            }

            // A page that reaches on is let go with the rest of it.
            ulong mask = ~((1UL << extent.Shift) - 1);
            ulong first = Math.Max(_letGo, range.Start.Value);
            ulong last = range.Last!.Value.Value;
            ulong start = PlaceOf(i, first) & mask;
            ulong end = last < to ? extent.End : PlaceOf(i, to) & mask;
            if (start < end)
            {
                _keeper.LetGo(start, end - start);
            }
        }

        _letGo = to;
    }

    private unsafe ulong PlaceOf(int region, ulong address) =>
        (ulong)_regions[region].Backing!.Mapping + _regions[region].BackingOffset + (address - _regions[region].Range.Start.Value);
}
