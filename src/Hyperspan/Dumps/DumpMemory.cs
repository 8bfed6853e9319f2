using Hyperspan.Snapshots;

namespace Hyperspan.Dumps;

/// <summary>The memory in a dump, by address as well as in order. Safe to use from several threads.</summary>
internal abstract class DumpMemory : MemoryImage
{
    /// <summary>Reads a range that ends at 2^64 at the latest; what is in no segment is zero.</summary>
    /// <exception cref="InvalidDumpException">The file has become shorter, or the part is damaged.</exception>
    internal abstract void ReadRange(ulong address, Span<byte> destination);

    internal sealed override void Read(ulong chunk, ulong pages, Span<byte> packed)
    {
        ulong start = chunk << SnapshotFormat.ChunkShift;
        foreach (BitRun run in new BitRuns(pages))
        {
            int length = run.Count << SnapshotFormat.PageShift;
            ReadRange(start + ((ulong)run.First << SnapshotFormat.PageShift), packed[..length]);
            packed = packed[length..];
        }
    }
}
