using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>The first 16 bytes of a request, <c>struct virtio_blk_req</c>, in little-endian order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BlockRequestHeader
{
    internal const uint Size = 16;

    private readonly uint _type;
    private readonly uint _reserved;
    private readonly ulong _sector;

    internal BlockRequestHeader(BlockRequestType type, ulong sector)
    {
        _type = LittleEndian.Order((uint)type);
        _reserved = 0;
        _sector = LittleEndian.Order(sector);
    }

    internal uint Type => LittleEndian.Order(_type);

    internal ulong Sector => LittleEndian.Order(_sector);
}
