using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

// Accesses to memory under an access bitmap, one bit a page: bit i of byte j is page 8 * j + i. They return StatusBitClear where
// the bit is clear. The bitmap has to be valid memory for as long as anybody uses it.
//
// Each looks at the bit inside a restartable sequence, whose last instruction is the access. If the kernel interrupts the
// thread in between, for whatever reason, the sequence starts over with the look at the bit. So there is no moment at which a
// thread that is not running has looked at the bit but not done the access, and FlushRestartableSequences interrupts those that
// are running.
internal static unsafe partial class Guard
{
    /// <summary>A bit-checked access found its bit clear and had no effect.</summary>
    public const ulong StatusBitClear = StubCode.StatusBitClear;

    /// <summary>
    /// A bit-checked access was not done because this thread, or this machine, has no restartable sequences: the caller does it
    /// under a read section of its RCU domain instead.
    /// </summary>
    public const ulong StatusNotRestartable = StubCode.StatusNotRestartable;

    /// <summary>
    /// Bit-checked accesses work here (glibc 2.35 or later with its restartable sequences switched on, Linux 5.10 or later).
    /// </summary>
    public static bool SupportsRestartableSequences
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => RestartableBarrier.IsRegistered;
    }

    /// <summary>
    /// After a bit was cleared, and this has returned, no bit-checked access of this process takes effect that saw the bit set;
    /// writes that did are visible. Waits for nobody.
    /// </summary>
    /// <remarks>
    /// A thread that was answered <see cref="StatusNotRestartable"/> does its access under an RCU section, and one may exist even where
    /// <see cref="SupportsRestartableSequences"/> is true (a sandbox can refuse a later thread its registration). So whoever takes
    /// that fallback owes the restricting side a grace period as well.
    /// </remarks>
    public static void FlushRestartableSequences()
    {
        if (RestartableBarrier.IsRegistered)
        {
            RestartableBarrier.Flush();
        }
    }

    /// <summary>Reads one byte if the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad1(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedLoad1(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad1Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads two bytes if the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad2(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedLoad2(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad2Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads four bytes if the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad4(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedLoad4(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad4Suppressed(p, bitmap, bitIndex);
    }

    /// <summary>Reads eight bytes if the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad8(byte* p, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedLoad8(p, bitmap, bitIndex)
            : GuardEntry.BitCheckedLoad8Suppressed(p, bitmap, bitIndex);
    }
}
