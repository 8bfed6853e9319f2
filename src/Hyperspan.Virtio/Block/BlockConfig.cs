using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>
/// The configuration space, <c>struct virtio_blk_config</c> (virtio 1.2, section 5.2.4), up to and including write_zeroes_may_unmap. The geometry of cylinders, heads and
/// sectors is not offered: nothing has used it for decades.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Length)]
internal struct BlockConfig
{
    internal const int Length = 60;
    internal const int WritebackOffset = 32;

    /// <summary>In units of 512 bytes.</summary>
    [FieldOffset(0)]
    internal Le64 Capacity;

    [FieldOffset(12)]
    internal Le32 MaxSegments;

    [FieldOffset(20)]
    internal Le32 BlockSize;

    /// <summary>The logarithm of the number of logical blocks in a physical one.</summary>
    [FieldOffset(24)]
    internal byte PhysicalBlockExponent;

    /// <summary>The least that should be written at a time, in logical blocks.</summary>
    [FieldOffset(26)]
    internal Le16 MinIoBlocks;

    [FieldOffset(WritebackOffset)]
    internal byte Writeback;

    [FieldOffset(34)]
    internal Le16 QueueCount;

    [FieldOffset(36)]
    internal Le32 MaxDiscardSectors;

    [FieldOffset(40)]
    internal Le32 MaxDiscardRanges;

    [FieldOffset(44)]
    internal Le32 DiscardAlignment;

    [FieldOffset(48)]
    internal Le32 MaxWriteZeroesSectors;

    [FieldOffset(52)]
    internal Le32 MaxWriteZeroesRanges;

    [FieldOffset(56)]
    internal byte WriteZeroesMayUnmap;
}
