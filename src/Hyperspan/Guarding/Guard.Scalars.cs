using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

// T has 1, 2, 4 or 8 bytes: where it is known, so is the stub, and each of these is one call of a constant address. The overloads without "mayBlock" are for
// the access paths that are inlined into callers. They call the machine code straight, so the caller answers for its being there.
internal static unsafe partial class Guard
{
    /// <summary>Reads with exactly one load; the value is zero-extended. Only where <see cref="UsesMachineCode"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Load<T>(byte* p)
        where T : unmanaged
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return ((delegate*<byte*, GuardedResult>)(GuardEntry.Code + StubCode.LoadOffset(sizeof(T))))(p);
    }

    /// <summary>Reads with exactly one load; the value is zero-extended.</summary>
    public static GuardedResult Load<T>(byte* p, bool mayBlock)
        where T : unmanaged
    {
        // SAFETY: as above.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Load(p, sizeof(T))
            : mayBlock ? ((delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(GuardEntry.BlockingCode + StubCode.LoadOffset(sizeof(T))))(p)
            : Load<T>(p);
    }

    /// <summary>Writes with exactly one store. Only where <see cref="UsesMachineCode"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult Store<T>(byte* p, T value)
        where T : unmanaged
    {
        // SAFETY: as for Load.
        return ((delegate*<byte*, ulong, GuardedResult>)(GuardEntry.Code + StubCode.StoreOffset(sizeof(T))))(p, Scalar.ToBits(value));
    }

    /// <summary>Writes with exactly one store.</summary>
    public static GuardedResult Store<T>(byte* p, T value, bool mayBlock)
        where T : unmanaged
    {
        // SAFETY: as for Load.
        ulong bits = Scalar.ToBits(value);
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.Store(p, bits, sizeof(T))
            : mayBlock ? ((delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult>)(GuardEntry.BlockingCode + StubCode.StoreOffset(sizeof(T))))(p, bits)
            : Store(p, value);
    }

    /// <summary>
    /// Replaces what is there by <paramref name="value"/> if it equals <paramref name="comparand"/>, sequentially consistent; answers the original value,
    /// zero-extended. Wants natural alignment: a split lock is the caller's to avoid. Memory that cannot be written is a fault also where nothing would change.
    /// Only where <see cref="UsesMachineCode"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult CompareExchange<T>(byte* p, T value, T comparand)
        where T : unmanaged
    {
        // SAFETY: as for Load.
        return ((delegate*<byte*, ulong, ulong, GuardedResult>)(GuardEntry.Code + StubCode.CompareExchangeOffset(sizeof(T))))(
            p, Scalar.ToBits(comparand), Scalar.ToBits(value));
    }

    /// <summary>Compares and exchanges; see <see cref="CompareExchange{T}(byte*, T, T)"/>.</summary>
    public static GuardedResult CompareExchange<T>(byte* p, T value, T comparand, bool mayBlock)
        where T : unmanaged
    {
        // SAFETY: as for Load.
        if (!GuardEntry.UsesMachineCode)
        {
            return SubstituteGuard.CompareExchange(p, Scalar.ToBits(comparand), Scalar.ToBits(value), sizeof(T));
        }

        return mayBlock
            ? ((delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult>)(GuardEntry.BlockingCode + StubCode.CompareExchangeOffset(sizeof(T))))(
                p, Scalar.ToBits(comparand), Scalar.ToBits(value))
            : CompareExchange(p, value, comparand);
    }
}
