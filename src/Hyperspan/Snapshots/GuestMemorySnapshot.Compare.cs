using System.Numerics;

namespace Hyperspan.Snapshots;

/// <content>Comparing.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>
    /// Lists the pages whose bytes differ from those of another snapshot, as ranges of whole pages of 4 KiB in ascending order. Memory that one of them lacks counts as
    /// zero.
    /// </summary>
    /// <param name="other">The other snapshot.</param>
    /// <param name="progress">Is told how far it has come; on the thread that asks for the ranges.</param>
    /// <returns>The ranges, found as they are asked for.</returns>
    /// <exception cref="InvalidSnapshotException">A file is damaged.</exception>
    public IEnumerable<GuestRange> GetDifferences(GuestMemorySnapshot other, IProgress<SnapshotProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(other);
        return PageRanges.Join(DifferentPages(other, progress));
    }

    private IEnumerable<(ulong Chunk, ulong Pages)> DifferentPages(GuestMemorySnapshot other, IProgress<SnapshotProgress>? progress)
    {
        SnapshotImage one = Image();
        SnapshotImage two = other.Image();
        var meter = new ProgressMeter(one.Regions, progress);
        byte[] ofOne = new byte[SnapshotFormat.ChunkSize];
        byte[] ofTwo = new byte[SnapshotFormat.ChunkSize];
        ulong moved = 0;
        for (ulong from = 0; ; from++)
        {
            bool any = one.TryNext(from, out ulong chunk, out ulong pages);
            if (two.TryNext(from, out ulong otherChunk, out ulong otherPages) && (!any || otherChunk <= chunk))
            {
                pages = otherPages | (any && otherChunk == chunk ? pages : 0);
                (chunk, any) = (otherChunk, true);
            }

            if (!any)
            {
                yield break;
            }

            int length = BitOperations.PopCount(pages) << SnapshotFormat.PageShift;
            one.Read(chunk, pages, ofOne.AsSpan(0, length));
            two.Read(chunk, pages, ofTwo.AsSpan(0, length));
            ulong different = 0;
            for (ulong left = pages; left != 0; left &= left - 1)
            {
                int page = BitOperations.TrailingZeroCount(left);
                int at = SnapshotImage.PackedOffset(pages, page);
                if (!ofOne.AsSpan(at, SnapshotFormat.PageSize).SequenceEqual(ofTwo.AsSpan(at, SnapshotFormat.PageSize)))
                {
                    different |= 1UL << page;
                }
            }

            moved += 2 * (ulong)length;
            meter.Report(chunk, moved);
            if (different != 0)
            {
                yield return (chunk, different);
            }

            from = chunk;
        }
    }
}
