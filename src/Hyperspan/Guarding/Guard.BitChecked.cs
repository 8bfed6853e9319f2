using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

// Accesses to memory under an access bitmap, one bit a page: bit i of byte j is page 8 * j + i. They return StatusBitClear where
// the bit is clear. The bitmap has to be valid memory for as long as anybody uses it. A load looks at the bit before and after:
// its value is good if no one clears and sets the bit again between the two looks; who cannot rule that out reads under an RCU
// section.
//
// A write looks at the bit inside a restartable sequence, whose last instruction is the write. If the kernel interrupts the
// thread in between, for whatever reason, the sequence starts over with the look at the bit. So there is no moment at which a
// thread that is not running has looked at the bit but not written, and FlushRestartableSequences interrupts those that are
// running.
internal static unsafe partial class Guard
{
    /// <summary>A bit-checked access found its bit clear and had no effect.</summary>
    public const ulong StatusBitClear = 0x100;

    /// <summary>
    /// A bit-checked write had no effect because this thread, or this machine, has no restartable sequences: the caller writes
    /// under a read section of its RCU domain instead.
    /// </summary>
    public const ulong StatusNotRestartable = 0x101;

    /// <summary>
    /// Bit-checked writes work here (glibc 2.35 or later with its restartable sequences switched on, Linux 5.10 or later).
    /// </summary>
    public static bool SupportsRestartableStores
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GuardEntry.SupportsRestartableStores;
    }

    /// <summary>
    /// After a bit was cleared, and this has returned, no bit-checked write of this process takes effect that saw the bit set;
    /// those that did are visible. Waits for nobody.
    /// </summary>
    /// <remarks>
    /// A thread that was answered <see cref="StatusNotRestartable"/> writes under an RCU section, and one may exist even where
    /// <see cref="SupportsRestartableStores"/> is true (a sandbox can refuse a later thread its registration). So whoever takes
    /// that fallback owes the restricting side a grace period as well.
    /// </remarks>
    public static void FlushRestartableSequences()
    {
        if (GuardEntry.SupportsRestartableStores)
        {
            RestartableSequences.Flush();
        }
    }

    /// <summary>Reads one byte, which counts only if the bit was set before and after the one load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad1(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.BitCheckedLoad(p, bitmap, bitIndex, 1)
            : mayBlock ? GuardEntry.BitCheckedLoad1(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad1Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads two bytes, which count only if the bit was set before and after the one load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad2(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.BitCheckedLoad(p, bitmap, bitIndex, 2)
            : mayBlock ? GuardEntry.BitCheckedLoad2(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad2Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads four bytes, which count only if the bit was set before and after the one load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad4(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.BitCheckedLoad(p, bitmap, bitIndex, 4)
            : mayBlock ? GuardEntry.BitCheckedLoad4(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad4Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads eight bytes, which count only if the bit was set before and after the one load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad8(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.BitCheckedLoad(p, bitmap, bitIndex, 8)
            : mayBlock ? GuardEntry.BitCheckedLoad8(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad8Suppressed(p, bitmap, bitIndex);
    }
}
