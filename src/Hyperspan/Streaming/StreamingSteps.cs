using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>What the readers and writers have in common but cannot inherit.</summary>
internal static class StreamingSteps
{
    internal static bool CanWrite(ulong length, ulong remaining, bool isReadOnly, out StreamingFault fault)
    {
        if (isReadOnly || length > remaining)
        {
            fault = isReadOnly ? StreamingFault.ReadOnly(length, remaining) : StreamingFault.OutOfRange(length, remaining);
            return false;
        }

        fault = default;
        return true;
    }

    /// <summary>The bytes of a value; a copy of a value whose type is not plain would carry what nobody wrote.</summary>
    internal static Span<byte> Bytes<T>(ref T value)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        return MemoryMarshal.AsBytes(new Span<T>(ref value));
    }

    internal static T Read<TReader, T>(scoped ref TReader reader)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        if (!reader.TryRead(out T value, out StreamingFault fault))
        {
            Throw(fault);
        }

        return value;
    }

    internal static T[] ReadArray<TReader, T>(scoped ref TReader reader, int count)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        if (!reader.TryReadArray(count, out T[]? values, out StreamingFault fault))
        {
            Throw(fault);
        }

        return values;
    }

    /// <summary>Reads a value as bytes. A value of which only a part could be read is not handed out.</summary>
    internal static bool TryReadBytes<TReader, T>(scoped ref TReader reader, out T value, out StreamingFault fault)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        T buffer = default;
        if (reader.TryRead(Bytes(ref buffer), out fault))
        {
            value = buffer;
            return true;
        }

        value = default;
        return false;
    }

    internal static bool TryReadArray<TReader, T>(scoped ref TReader reader, int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        PlainType<T>.Demand();
        ulong length = (ulong)count * (ulong)Unsafe.SizeOf<T>();
        if (length > reader.Remaining)
        {
            values = null;
            fault = StreamingFault.OutOfRange(length, reader.Remaining);
            return false;
        }

        var array = new T[count];
        if (length <= int.MaxValue)
        {
            values = reader.TryRead(MemoryMarshal.AsBytes(array.AsSpan()), out fault) ? array : null;
            return values is not null;
        }

        values = TryReadLarge(ref reader, array, out fault) ? array : null;
        return values is not null;
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Throw(in StreamingFault fault) => throw fault.ToException();

    // More bytes than a span can have: in pieces, by a copy of the reader, so that a failure leaves the original where it was.
    private static bool TryReadLarge<TReader, T>(scoped ref TReader reader, T[] array, out StreamingFault fault)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        TReader copy = reader;
        int most = int.MaxValue / Unsafe.SizeOf<T>();
        for (int done = 0; done < array.Length;)
        {
            int piece = Math.Min(most, array.Length - done);
            if (!copy.TryRead(MemoryMarshal.AsBytes(array.AsSpan(done, piece)), out fault))
            {
                return false;
            }

            done += piece;
        }

        reader = copy;
        fault = default;
        return true;
    }
}
