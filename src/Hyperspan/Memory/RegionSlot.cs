using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>An entry of a <see cref="RegionTable"/>: all that the inlined access path needs of the region that fills most of the slot.</summary>
/// <remarks>
/// The limits are exclusive and count offsets in the region at which a scalar of up to eight bytes may start: the region's length less seven, and zero where
/// that kind of access must take another path. One compare is then the whole check. The last seven bytes of a region are reached by the general path.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RegionSlot
{
    internal ulong Start;
    internal byte* Base;
    internal ulong DirectRead;
    internal ulong DirectWrite;
    internal ulong GuardedRead;
    internal ulong GuardedWrite;
    internal MemoryRegion? Region;
    internal RegionTable? Others;
}
