namespace Hyperspan.Snapshots;

/// <summary>In which parts of a backing pages were given back since a live save began: what the kernel says is not there may have been there. A bit for each 256 KiB.</summary>
/// <remarks>Marked by one thread at a time, before the pages go; looked at by another, after it has asked the kernel.</remarks>
internal sealed class DiscardedParts(ulong length)
{
    private const int Shift = SnapshotFormat.ChunkShift;

    private readonly ulong[] _parts = new ulong[((length - 1) >> Shift >> 6) + 1];
    private volatile bool _hasAny;

    /// <summary>Gets a value indicating whether nothing is marked.</summary>
    internal bool IsEmpty => !_hasAny;

    /// <summary>Marks at least one byte.</summary>
    internal void Mark(ulong offset, ulong length)
    {
        for (ulong part = offset >> Shift; part <= (offset + (length - 1)) >> Shift; part++)
        {
            Interlocked.Or(ref _parts[part >> 6], 1UL << (int)(part & 63));
        }

        _hasAny = true;
    }

    /// <summary>Whether anything is marked that shares a part with a range of at least one byte.</summary>
    internal bool HasAny(ulong offset, ulong length)
    {
        for (ulong part = offset >> Shift; part <= (offset + (length - 1)) >> Shift; part++)
        {
            if ((Volatile.Read(ref _parts[part >> 6]) >> (int)(part & 63) & 1) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
