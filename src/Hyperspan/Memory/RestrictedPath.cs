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
        return Guard.BitCheckedLoad<T>(at, _readBitmap, BitOf(offset));
    }

    /// <summary>Writes an aligned value; see <see cref="Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult Store<T>(byte* at, ulong offset, T value)
        where T : unmanaged
    {
        // SAFETY: as for reading.
        return Guard.BitCheckedStore(at, value, _writeBitmap, BitOf(offset));
    }

    /// <summary>Compares and exchanges an aligned value; see <see cref="Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult CompareExchange<T>(byte* at, ulong offset, T value, T comparand)
        where T : unmanaged
    {
        // SAFETY: as for reading.
        return Guard.BitCheckedCompareExchange(at, value, comparand, _writeBitmap, BitOf(offset));
    }

    private ulong BitOf(ulong offset) => _firstBit + (offset >> GuestAddress.PageShift);
}
