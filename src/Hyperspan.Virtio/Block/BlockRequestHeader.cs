using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>The first 16 bytes of a request, <c>struct virtio_blk_req</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct BlockRequestHeader(BlockRequestType type, ulong sector)
{
    internal const uint Size = 16;

    // The lower half; the upper one is reserved.
    private readonly Le64 _type = (uint)type;

    internal readonly Le64 Sector = sector;

    internal uint Type => (uint)(ulong)_type;
}
