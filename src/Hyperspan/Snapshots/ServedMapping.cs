namespace Hyperspan.Snapshots;

/// <summary>A mapping of a monitor's, checked: multiples of its page size, within the memory, overlapping no other.</summary>
/// <param name="Address">Where it is in the monitor.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Offset">Where its bytes are in the memory file.</param>
/// <param name="PageSize">That of the system, or 2 MiB.</param>
/// <param name="Removed">A bit for each page of 4 KiB that was discarded.</param>
internal sealed record ServedMapping(ulong Address, ulong Length, ulong Offset, ulong PageSize, ulong[] Removed)
{
    internal bool IsRemoved(ulong offset) => (Removed[offset >> 18] >> (int)(offset >> 12 & 63) & 1) != 0;

    internal void Remove(ulong from, ulong to)
    {
        for (ulong page = from >> 12; page < to >> 12; page++)
        {
            Removed[page >> 6] |= 1UL << (int)(page & 63);
        }
    }
}
