using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

internal static unsafe partial class Guard
{
    /// <summary>Writes one byte with one store that takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedStore1(byte* p, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedStore1(p, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedStore1Suppressed(p, value, bitmap, bitIndex);
    }

    /// <summary>Writes two bytes with one store that takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedStore2(byte* p, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedStore2(p, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedStore2Suppressed(p, value, bitmap, bitIndex);
    }

    /// <summary>Writes four bytes with one store that takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedStore4(byte* p, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedStore4(p, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedStore4Suppressed(p, value, bitmap, bitIndex);
    }

    /// <summary>Writes eight bytes with one store that takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedStore8(byte* p, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedStore8(p, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedStore8Suppressed(p, value, bitmap, bitIndex);
    }

    /// <summary>Compares and exchanges one byte, which takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedCompareExchange1(
        byte* p, ulong comparand, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedCompareExchange1(p, comparand, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedCompareExchange1Suppressed(p, comparand, value, bitmap, bitIndex);
    }

    /// <summary>Compares and exchanges two bytes, which takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedCompareExchange2(
        byte* p, ulong comparand, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedCompareExchange2(p, comparand, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedCompareExchange2Suppressed(p, comparand, value, bitmap, bitIndex);
    }

    /// <summary>Compares and exchanges four bytes, which takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedCompareExchange4(
        byte* p, ulong comparand, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedCompareExchange4(p, comparand, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedCompareExchange4Suppressed(p, comparand, value, bitmap, bitIndex);
    }

    /// <summary>Compares and exchanges eight bytes, which takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedCompareExchange8(
        byte* p, ulong comparand, ulong value, byte* bitmap, ulong bitIndex, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return !RestartableBarrier.IsRegistered ? new GuardedResult(0, StatusNotRestartable)
            : mayBlock ? GuardEntry.BitCheckedCompareExchange8(p, comparand, value, bitmap, bitIndex)
            : GuardEntry.BitCheckedCompareExchange8Suppressed(p, comparand, value, bitmap, bitIndex);
    }
}
