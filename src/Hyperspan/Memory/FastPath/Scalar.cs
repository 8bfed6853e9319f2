using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan;

/// <summary>One load, store or compare-exchange of a value of 1, 2, 4 or 8 bytes. The size is a constant to the JIT: one branch remains.</summary>
internal static unsafe class Scalar
{
    /// <summary>Whether values of the type are accessed by a single load or store where they are naturally aligned.</summary>
    internal static bool Fits<T>()
        where T : unmanaged => sizeof(T) is 1 or 2 or 4 or 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsAligned<T>(byte* at)
        where T : unmanaged => ((nuint)at & (nuint)(sizeof(T) - 1)) == 0;

    /// <summary>Reads once, with acquire ordering where the address is aligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T Load<T>(byte* at)
        where T : unmanaged
    {
        // SAFETY: the caller has checked that the bytes are in a mapping that cannot fault. Volatile.Read is a plain load on x86-64, where a misaligned
        // address is fine; elsewhere it may trap on one.
        if (!X86Base.IsSupported && !IsAligned<T>(at))
        {
            return Unsafe.ReadUnaligned<T>(at);
        }

        if (sizeof(T) == 1)
        {
            byte value = Volatile.Read(ref *at);
            return Unsafe.As<byte, T>(ref value);
        }

        if (sizeof(T) == 2)
        {
            ushort value = Volatile.Read(ref *(ushort*)at);
            return Unsafe.As<ushort, T>(ref value);
        }

        if (sizeof(T) == 4)
        {
            uint value = Volatile.Read(ref *(uint*)at);
            return Unsafe.As<uint, T>(ref value);
        }

        ulong wide = Volatile.Read(ref *(ulong*)at);
        return Unsafe.As<ulong, T>(ref wide);
    }

    /// <summary>Writes once, with release ordering where the address is aligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<T>(byte* at, T value)
        where T : unmanaged
    {
        // SAFETY: as for Load.
        if (!X86Base.IsSupported && !IsAligned<T>(at))
        {
            Unsafe.WriteUnaligned(at, value);
        }
        else if (sizeof(T) == 1)
        {
            Volatile.Write(ref *at, Unsafe.As<T, byte>(ref value));
        }
        else if (sizeof(T) == 2)
        {
            Volatile.Write(ref *(ushort*)at, Unsafe.As<T, ushort>(ref value));
        }
        else if (sizeof(T) == 4)
        {
            Volatile.Write(ref *(uint*)at, Unsafe.As<T, uint>(ref value));
        }
        else
        {
            Volatile.Write(ref *(ulong*)at, Unsafe.As<T, ulong>(ref value));
        }
    }

    /// <summary>Compares and exchanges, sequentially consistent; the address is aligned. Returns what was there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T CompareExchange<T>(byte* at, T value, T comparand)
        where T : unmanaged
    {
        // SAFETY: as for Load; the caller has checked the alignment, so that the lock is never split.
        if (sizeof(T) == 1)
        {
            byte found = Interlocked.CompareExchange(ref *at, Unsafe.As<T, byte>(ref value), Unsafe.As<T, byte>(ref comparand));
            return Unsafe.As<byte, T>(ref found);
        }

        if (sizeof(T) == 2)
        {
            ushort found = Interlocked.CompareExchange(ref *(ushort*)at, Unsafe.As<T, ushort>(ref value), Unsafe.As<T, ushort>(ref comparand));
            return Unsafe.As<ushort, T>(ref found);
        }

        if (sizeof(T) == 4)
        {
            uint found = Interlocked.CompareExchange(ref *(uint*)at, Unsafe.As<T, uint>(ref value), Unsafe.As<T, uint>(ref comparand));
            return Unsafe.As<uint, T>(ref found);
        }

        ulong wide = Interlocked.CompareExchange(ref *(ulong*)at, Unsafe.As<T, ulong>(ref value), Unsafe.As<T, ulong>(ref comparand));
        return Unsafe.As<ulong, T>(ref wide);
    }

    /// <summary>The value as the low bytes of a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong ToBits<T>(T value)
        where T : unmanaged => sizeof(T) switch
        {
            1 => Unsafe.As<T, byte>(ref value),
            2 => Unsafe.As<T, ushort>(ref value),
            4 => Unsafe.As<T, uint>(ref value),
            _ => Unsafe.As<T, ulong>(ref value),
        };

    /// <summary>The value in the low bytes of a register; guards exist on little-endian machines alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T FromBits<T>(ulong bits)
        where T : unmanaged => Unsafe.As<ulong, T>(ref bits);
}
