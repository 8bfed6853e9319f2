using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>An entry of a <see cref="RegionTable"/>: all that the inlined access path needs of the region that fills most of the slot.</summary>
/// <remarks>
/// The limits are exclusive and count offsets in the region at which a scalar of up to eight bytes may start: the region's length less seven, and zero where
/// that kind of access must take another path. One compare is then the whole check. The last seven bytes of a region are reached by the slow path.
/// A slot has 64 bytes: its place in the table is found by a shift.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RegionSlot
{
    /// <summary>Limits of plain loads and stores.</summary>
    internal ulong DirectRead;
    internal ulong DirectWrite;

    /// <summary>Limits of accesses by a stub: of <see cref="Checked"/>, or a guarded one where that is null.</summary>
    internal ulong StubRead;
    internal ulong StubWrite;
    internal byte* Base;
    internal CheckedPath? Checked;
    internal MemoryRegion? Region;
    internal ulong Start;

    /// <summary>The number of offsets at which a scalar of up to eight bytes may start without reaching past the end.</summary>
    internal static ulong ScalarLimit(ulong length) => length > 7 ? length - 7 : 0;

    /// <summary>The length of a region, from the limit for scalars: seven more, unless it is zero.</summary>
    internal static ulong BytesBelow(ulong limit) => limit == 0 ? 0 : limit + 7;

    /// <summary>Whether a range lies in a region of a length. No sum: it might wrap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Fits(ulong regionLength, ulong offset, ulong length) => length <= regionLength && offset <= regionLength - length;

    /// <summary>Sets region, mapping and limits for a region, or for the part of it that a slice shows.</summary>
    internal void Set(MemoryRegion region, ulong skip, ulong length)
    {
        Region = region;
        ulong limit = ScalarLimit(length);
        ulong read = region.CanRead ? limit : 0;
        ulong write = region.CanWrite ? limit : 0;
        Base = region.Origin + skip;
        if (region.IsDirect)
        {
            DirectRead = read;
            DirectWrite = write;
            return;
        }

        Checked = CheckedPath.TryCreate(region, skip);
        if (Checked is not null || (region.IsGuardedInline && Guard.UsesMachineCode))
        {
            StubRead = read;
            StubWrite = write;
        }
    }

    /// <summary>Switches all of it off. The base stays: an access that has passed its check may be about to use it.</summary>
    internal void Close()
    {
        Volatile.Write(ref DirectRead, 0);
        Volatile.Write(ref DirectWrite, 0);
        Volatile.Write(ref StubRead, 0);
        Volatile.Write(ref StubWrite, 0);
    }

    /// <summary>The part of the region that this was set for, from address zero on.</summary>
    internal readonly MemoryRegion Clip(ulong length) => Region!.Clip(Region.Start + (ulong)(Base - Region.Origin), length);
}
