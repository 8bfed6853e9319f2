using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>The first 16 bytes of a request, <c>struct virtio_blk_req</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BlockRequestHeader(BlockRequestType type, ulong sector)
{
    internal const uint Size = 16;

    internal readonly Le32 Type = (uint)type;
    private readonly Le32 _reserved = 0;
    internal readonly Le64 Sector = sector;
}
