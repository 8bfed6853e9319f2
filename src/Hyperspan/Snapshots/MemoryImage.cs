namespace Hyperspan.Snapshots;

/// <summary>
/// Guest-physical memory that is read in order, chunk by chunk: a memory, a chain of snapshots, a dump. Pages of which it says nothing are zero. For one thread at a
/// time.
/// </summary>
internal abstract class MemoryImage
{
    /// <summary>Gets the regions.</summary>
    internal abstract RegionMap Regions { get; }

    /// <summary>Gets the pages that could not be read so far, and count as zero.</summary>
    internal virtual ulong UnreadablePages => 0;

    /// <summary>Finds the first chunk from a number on of which some pages may hold something.</summary>
    /// <param name="from">The number of the first chunk to look at.</param>
    /// <param name="chunk">The number of the chunk found.</param>
    /// <param name="pages">The pages of it that may hold something; not zero.</param>
    /// <returns>Whether there is one.</returns>
    internal abstract bool TryNext(ulong from, out ulong chunk, out ulong pages);

    /// <summary>Lists all chunks that <see cref="TryNext"/> finds.</summary>
    internal IEnumerable<(ulong Chunk, ulong Pages)> Chunks()
    {
        for (ulong from = 0; TryNext(from, out ulong chunk, out ulong pages); from = chunk + 1)
        {
            yield return (chunk, pages);
        }
    }

    /// <summary>Reads pages of a chunk, packed: the bytes of the lowest first.</summary>
    /// <param name="chunk">The number of the chunk.</param>
    /// <param name="pages">The pages; some that <see cref="TryNext"/> gave for this chunk.</param>
    /// <param name="packed">Receives them; as long as they are together.</param>
    internal abstract void Read(ulong chunk, ulong pages, Span<byte> packed);

    /// <summary>Called when nothing more is read.</summary>
    internal virtual void EndReading()
    {
    }
}
