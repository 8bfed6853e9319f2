using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

internal static unsafe partial class Guard
{
    /// <summary>Reads one byte with exactly one load; the value is zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Load1(byte* p, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Load(p, 1)
            : mayBlock ? GuardEntry.Load1(p)
            : GuardEntry.Load1Suppressed(p);
    }

    /// <summary>Reads two bytes with exactly one load; the value is zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Load2(byte* p, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Load(p, 2)
            : mayBlock ? GuardEntry.Load2(p)
            : GuardEntry.Load2Suppressed(p);
    }

    /// <summary>Reads four bytes with exactly one load; the value is zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Load4(byte* p, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Load(p, 4)
            : mayBlock ? GuardEntry.Load4(p)
            : GuardEntry.Load4Suppressed(p);
    }

    /// <summary>Reads eight bytes with exactly one load; the value is zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Load8(byte* p, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Load(p, 8)
            : mayBlock ? GuardEntry.Load8(p)
            : GuardEntry.Load8Suppressed(p);
    }

    /// <summary>Writes the lowest byte of <paramref name="value"/> with exactly one store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Store1(byte* p, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Store(p, value, 1)
            : mayBlock ? GuardEntry.Store1(p, value)
            : GuardEntry.Store1Suppressed(p, value);
    }

    /// <summary>Writes the lowest two bytes of <paramref name="value"/> with exactly one store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Store2(byte* p, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Store(p, value, 2)
            : mayBlock ? GuardEntry.Store2(p, value)
            : GuardEntry.Store2Suppressed(p, value);
    }

    /// <summary>Writes the lowest four bytes of <paramref name="value"/> with exactly one store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Store4(byte* p, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Store(p, value, 4)
            : mayBlock ? GuardEntry.Store4(p, value)
            : GuardEntry.Store4Suppressed(p, value);
    }

    /// <summary>Writes the lowest eight bytes of <paramref name="value"/> with exactly one store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Store8(byte* p, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Store(p, value, 8)
            : mayBlock ? GuardEntry.Store8(p, value)
            : GuardEntry.Store8Suppressed(p, value);
    }

    /// <summary>
    /// Replaces one byte by <paramref name="value"/> if they equal <paramref name="comparand"/>, sequentially consistent; answers
    /// the original value. Wants natural alignment: a split lock is the caller's to avoid. Memory that cannot be written is a
    /// fault also where nothing would change.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CompareExchange1(byte* p, ulong comparand, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.CompareExchange(p, comparand, value, 1)
            : mayBlock ? GuardEntry.CompareExchange1(p, comparand, value)
            : GuardEntry.CompareExchange1Suppressed(p, comparand, value);
    }

    /// <summary>
    /// Replaces two bytes by <paramref name="value"/> if they equal <paramref name="comparand"/>, sequentially consistent;
    /// answers the original value. Wants natural alignment: a split lock is the caller's to avoid. Memory that cannot be written
    /// is a fault also where nothing would change.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CompareExchange2(byte* p, ulong comparand, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.CompareExchange(p, comparand, value, 2)
            : mayBlock ? GuardEntry.CompareExchange2(p, comparand, value)
            : GuardEntry.CompareExchange2Suppressed(p, comparand, value);
    }

    /// <summary>
    /// Replaces four bytes by <paramref name="value"/> if they equal <paramref name="comparand"/>, sequentially consistent;
    /// answers the original value. Wants natural alignment: a split lock is the caller's to avoid. Memory that cannot be written
    /// is a fault also where nothing would change.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CompareExchange4(byte* p, ulong comparand, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.CompareExchange(p, comparand, value, 4)
            : mayBlock ? GuardEntry.CompareExchange4(p, comparand, value)
            : GuardEntry.CompareExchange4Suppressed(p, comparand, value);
    }

    /// <summary>
    /// Replaces eight bytes by <paramref name="value"/> if they equal <paramref name="comparand"/>, sequentially consistent;
    /// answers the original value. Wants natural alignment: a split lock is the caller's to avoid. Memory that cannot be written
    /// is a fault also where nothing would change.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CompareExchange8(byte* p, ulong comparand, ulong value, bool mayBlock = false)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.CompareExchange(p, comparand, value, 8)
            : mayBlock ? GuardEntry.CompareExchange8(p, comparand, value)
            : GuardEntry.CompareExchange8Suppressed(p, comparand, value);
    }
}
