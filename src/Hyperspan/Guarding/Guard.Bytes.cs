using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan.Guarding;

internal static unsafe partial class Guard
{
    /// <summary>
    /// The longest copy or fill, in bytes, that runs without a transition the collector can see. Longer ones would hold up a
    /// collection.
    /// </summary>
    public const int SuppressedLimit = 4096;

    /// <summary>
    /// The longest copy, in bytes, whose first store is the one to the lowest address: where it fails there, nothing has been written, and where it fails in the page
    /// after that, nothing of that page. Longer ones write their ends last.
    /// </summary>
    /// <remarks>A store of x86 is done whole or not at all, also over two pages; one of arm64 may be done in the page that is there. So there a copy is ascending inside
    /// a page alone. On Windows fewer vector registers may be changed: without those of 32 bytes half of it is loaded before anything is stored.</remarks>
    public static ulong AscendingLimit => ArmBase.Arm64.IsSupported ? 1UL : OperatingSystem.IsWindows() && !Avx.IsSupported ? 64UL : 128;

    /// <summary>
    /// Copies bytes; the two ranges may overlap. Where it fails, some of the destination may have been written, and the address
    /// it answers is one that failed, not always the lowest: see <see cref="FindLowestFault"/>. It promises no atomicity, of no
    /// unit.
    /// </summary>
    /// <remarks>Above <see cref="SuppressedLimit"/> bytes a collection may run meanwhile: managed memory must be
    /// pinned.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Copy(byte* destination, byte* source, nuint length, bool mayBlock)
    {
        // SAFETY: faults on either side return here as a status; the stub touches nothing outside the two ranges.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Copy(destination, source, length)
            : mayBlock || length > SuppressedLimit
                ? ((delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult>)(GuardEntry.BlockingCode + GuardEntry.CopyOffset))(
                    destination, source, length)
            : ((delegate*<byte*, byte*, nuint, GuardedResult>)(GuardEntry.Code + GuardEntry.CopyOffset))(destination, source, length);
    }

    /// <summary>
    /// Whether a copy of this length is best done by <see cref="CopyUpwards"/>: the ranges do not overlap, and the processor does it faster than a loop.
    /// </summary>
    public static bool CopiesUpwards(byte* destination, byte* source, ulong length) =>
        length >= GuardEntry.RepeatFrom && GuardEntry.UsesMachineCode
        && (ulong)(destination - source) >= length && (ulong)(source - destination) >= length;

    /// <summary>
    /// Copies bytes strictly upwards: where it fails, the destination's bytes below the address it answers may have been written and none above. Only where
    /// <see cref="CopiesUpwards"/>: on x86-64. A collection may run meanwhile.
    /// </summary>
    public static GuardedResult CopyUpwards(byte* destination, byte* source, nuint length)
    {
        // SAFETY: as for Copy.
        return ((delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult>)(GuardEntry.BlockingCode + StubCode.CopyUpwardsOffset))(destination, source, length);
    }

    /// <summary>
    /// Copies to managed memory that is not pinned: the reference is the collector's until the call, and no collection runs before the stub has returned.
    /// At most <see cref="SuppressedLimit"/> bytes, because a collection has to wait meanwhile. Only where <see cref="UsesMachineCode"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CopyOut(ref byte destination, byte* source, nuint length)
    {
        // SAFETY: as for Copy.
        return ((delegate*<ref byte, byte*, nuint, GuardedResult>)(GuardEntry.Code + GuardEntry.CopyOffset))(ref destination, source, length);
    }

    /// <summary>Copies from managed memory; see <see cref="CopyOut"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CopyIn(byte* destination, ref byte source, nuint length)
    {
        // SAFETY: as for Copy.
        return ((delegate*<byte*, ref byte, nuint, GuardedResult>)(GuardEntry.Code + GuardEntry.CopyOffset))(destination, ref source, length);
    }

    /// <summary>
    /// Sets every byte of a range to <paramref name="value"/>. For failures the same holds as for <see cref="Copy"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Fill(byte* destination, byte value, nuint length, bool mayBlock)
    {
        // SAFETY: faults return here as a status; the stub touches nothing outside the range.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Fill(destination, value, length)
            : mayBlock || length > SuppressedLimit
                ? ((delegate* unmanaged[Cdecl]<byte*, byte, nuint, GuardedResult>)(GuardEntry.BlockingCode + StubCode.FillOffset))(destination, value, length)
            : ((delegate*<byte*, byte, nuint, GuardedResult>)(GuardEntry.Code + StubCode.FillOffset))(destination, value, length);
    }
}
