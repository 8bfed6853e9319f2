using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// The inlined path to a region under access bitmaps: one call of a stub that looks at the page's bit and does the access
/// as one restartable sequence. No RCU section is needed: whoever restricts interrupts the sequences under way (see <see cref="GuestMemory.SynchronizeRestrictions"/>).
/// </summary>
internal sealed unsafe class RestrictedPath
{
    private readonly byte* _readBitmap;
    private readonly byte* _writeBitmap;
    private readonly ulong _firstBit;

    private RestrictedPath(MemoryRegion region, ulong skip)
    {
        _readBitmap = region.ReadBitmap;
        _writeBitmap = region.WriteBitmap;
        _firstBit = region.BitFor(skip);
    }

    /// <summary>Makes the path, or none where the stubs cannot do it: without restartable sequences, or where the start is not that of a page.</summary>
    internal static RestrictedPath? TryCreate(MemoryRegion region, ulong skip) =>
        region.HasBitmaps
        && region.FaultBehavior != FaultBehavior.MayBlock
        && ((region.BackingOffset + skip) & (GuestAddress.PageSize - 1)) == 0
        && Guard.SupportsRestartableSequences
            ? new RestrictedPath(region, skip)
            : null;

    /// <summary>
    /// Reads an aligned value, which lies in one page, at an offset from where the path starts. Fails where the bit is clear, the page is missing, or the thread has no
    /// restartable sequences.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult Load<T>(byte* at, ulong offset)
        where T : unmanaged
    {
        // SAFETY: the caller has checked that the bytes are in the region; the stub recovers from faults; the bitmaps cover the region.
        ulong bit = _firstBit + (offset >> GuestAddress.PageShift);
        return sizeof(T) switch
        {
            1 => GuardLeaf.BitCheckedLoad1(at, _readBitmap, bit),
            2 => GuardLeaf.BitCheckedLoad2(at, _readBitmap, bit),
            4 => GuardLeaf.BitCheckedLoad4(at, _readBitmap, bit),
            _ => GuardLeaf.BitCheckedLoad8(at, _readBitmap, bit),
        };
    }

    /// <summary>Writes an aligned value; see <see cref="Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult Store<T>(byte* at, ulong offset, T value)
        where T : unmanaged
    {
        // SAFETY: as for reading.
        ulong bit = _firstBit + (offset >> GuestAddress.PageShift);
        ulong bits = Scalar.ToBits(value);
        return sizeof(T) switch
        {
            1 => GuardLeaf.BitCheckedStore1(at, bits, _writeBitmap, bit),
            2 => GuardLeaf.BitCheckedStore2(at, bits, _writeBitmap, bit),
            4 => GuardLeaf.BitCheckedStore4(at, bits, _writeBitmap, bit),
            _ => GuardLeaf.BitCheckedStore8(at, bits, _writeBitmap, bit),
        };
    }
}
