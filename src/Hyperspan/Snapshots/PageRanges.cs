namespace Hyperspan.Snapshots;

/// <summary>Pages of chunks as ranges of addresses.</summary>
internal static class PageRanges
{
    /// <summary>Joins pages that follow each other, across chunks too. Chunks come in ascending order.</summary>
    internal static IEnumerable<GuestRange> Join(IEnumerable<(ulong Chunk, ulong Pages)> chunks)
    {
        // In page numbers, so that the last page there is has an end.
        ulong first = 0;
        ulong end = 0;
        foreach ((ulong chunk, ulong pages) in chunks)
        {
            foreach (BitRun run in new BitRuns(pages))
            {
                ulong start = (chunk * SnapshotFormat.ChunkPages) + (ulong)run.First;
                if (start != end)
                {
                    if (first != end)
                    {
                        yield return Range(first, end);
                    }

                    first = start;
                }

                end = start + (ulong)run.Count;
            }
        }

        if (first != end)
        {
            yield return Range(first, end);
        }
    }

    private static GuestRange Range(ulong first, ulong end) =>
        new(first << SnapshotFormat.PageShift, (end - first) << SnapshotFormat.PageShift);
}
