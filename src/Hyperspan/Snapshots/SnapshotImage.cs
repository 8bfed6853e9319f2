using System.Numerics;

namespace Hyperspan.Snapshots;

/// <summary>The memory that a snapshot and those it is a difference to give together: of each page, what the newest of them says.</summary>
/// <param name="files">The newest file first.</param>
/// <param name="regions">What counts as memory: pages outside are left out.</param>
internal sealed class SnapshotImage(SnapshotFile[] files, RegionMap regions) : MemoryImage
{
    // One chunk of one file, packed.
    private readonly byte[] _buffer = new byte[SnapshotFormat.ChunkSize];

    internal override RegionMap Regions => regions;

    internal override bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        for (; TryNextChunk(from, out chunk); from = chunk + 1)
        {
            pages = PagesOf(chunk);
            if (pages != 0)
            {
                return true;
            }
        }

        pages = 0;
        return false;
    }

    /// <summary>The pages of a chunk that any of the files stores and no newer one makes zero.</summary>
    internal ulong PagesOf(ulong chunk)
    {
        ulong pages = 0;
        ulong open = ulong.MaxValue;
        foreach (SnapshotFile file in files)
        {
            if (file.TryFind(chunk, out SnapshotEntry entry))
            {
                pages |= entry.Stored & open;
                open &= ~entry.Said;
            }
        }

        return pages & Regions.PagesOf(chunk);
    }

    internal override void Read(ulong chunk, ulong pages, Span<byte> packed)
    {
        ulong open = pages;
        ulong found = 0;
        foreach (SnapshotFile file in files)
        {
            if (open == 0)
            {
                break;
            }

            if (!file.TryFind(chunk, out SnapshotEntry entry))
            {
                continue;
            }

            ulong here = entry.Stored & open;
            if (here != 0)
            {
                if (here == pages && entry.Stored == pages)
                {
                    file.ReadPages(entry, packed);
                }
                else
                {
                    Span<byte> stored = _buffer.AsSpan(0, entry.StoredBytes);
                    file.ReadPages(entry, stored);
                    Scatter(entry.Stored, here, stored, pages, packed);
                }
            }

            found |= here;
            open &= ~entry.Said;
        }

        // What nobody stores is zero.
        Fill(~(found & Regions.PagesOf(chunk)), pages, packed);
    }

    /// <summary>Copies pages from where they are packed with others to where they are packed with yet others.</summary>
    internal static void Scatter(ulong sourcePages, ulong wanted, ReadOnlySpan<byte> source, ulong targetPages, Span<byte> target)
    {
        foreach (BitRun run in new BitRuns(wanted))
        {
            source.Slice(PackedOffset(sourcePages, run.First), run.Count << SnapshotFormat.PageShift).CopyTo(target[PackedOffset(targetPages, run.First)..]);
        }
    }

    /// <summary>Where a page lies among packed ones.</summary>
    internal static int PackedOffset(ulong pages, int page) => BitOperations.PopCount(pages & ((1UL << page) - 1)) << SnapshotFormat.PageShift;

    private static void Fill(ulong zero, ulong pages, Span<byte> packed)
    {
        for (zero &= pages; zero != 0; zero &= zero - 1)
        {
            packed.Slice(PackedOffset(pages, BitOperations.TrailingZeroCount(zero)), SnapshotFormat.PageSize).Clear();
        }
    }

    private bool TryNextChunk(ulong from, out ulong chunk)
    {
        chunk = ulong.MaxValue;
        foreach (SnapshotFile file in files)
        {
            if (file.TryNext(from, out SnapshotEntry entry) && entry.Chunk < chunk)
            {
                chunk = entry.Chunk;
            }
        }

        return chunk != ulong.MaxValue;
    }
}
