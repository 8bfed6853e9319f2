using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>One segment of a discard or write zeroes request, <c>struct virtio_blk_discard_write_zeroes</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BlockRange(ulong sector, uint sectors, uint flags)
{
    internal const uint Size = 16;
    internal const uint UnmapFlag = 1;

    internal readonly Le64 Sector = sector;
    internal readonly Le32 Sectors = sectors;
    internal readonly Le32 Flags = flags;
}
