using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>One segment of a discard or write zeroes request, <c>struct virtio_blk_discard_write_zeroes</c>, in little-endian order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BlockRange
{
    internal const uint Size = 16;
    internal const uint UnmapFlag = 1;

    private readonly ulong _sector;
    private readonly uint _sectors;
    private readonly uint _flags;

    internal BlockRange(ulong sector, uint sectors, uint flags)
    {
        _sector = LittleEndian.Order(sector);
        _sectors = LittleEndian.Order(sectors);
        _flags = LittleEndian.Order(flags);
    }

    internal ulong Sector => LittleEndian.Order(_sector);

    internal uint Sectors => LittleEndian.Order(_sectors);

    internal uint Flags => LittleEndian.Order(_flags);
}
