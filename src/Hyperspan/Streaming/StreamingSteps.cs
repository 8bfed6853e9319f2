using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Streaming;

/// <summary>What the readers and writers have in common but cannot inherit.</summary>
internal static class StreamingSteps
{
    // What is allocated for an array before any of it has been read, in bytes.
    private const ulong FirstPiece = 1 << 20;

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

        return TryReadGrowing(ref reader, (ulong)count, out values, out fault);
    }

    /// <summary>
    /// Reads values that are left into an array which grows with what has been read, so that no more is allocated for a length than there is memory behind it.
    /// </summary>
    internal static bool TryReadGrowing<TReader, T>(scoped ref TReader reader, ulong count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        ulong size = (ulong)Unsafe.SizeOf<T>();
        ulong remaining = reader.Remaining;
        ulong length = Math.BigMul(count, size, out ulong low) == 0 ? low : ulong.MaxValue;
        values = null;
        if (count > (ulong)Array.MaxLength)
        {
            fault = StreamingFault.TooLarge(length, remaining);
            return false;
        }

        // By a copy of the reader, so that a failure leaves the original where it was.
        TReader copy = reader;
        T[] array = [];
        int total = (int)count;
        int most = (int)(int.MaxValue / size);
        for (int done = 0; done < total;)
        {
            if (done == array.Length && !TryGrow(ref array, Math.Min(count, Math.Max(2 * (ulong)done, Math.Max(1, FirstPiece / size)))))
            {
                fault = StreamingFault.TooLarge(length, remaining);
                return false;
            }

            int piece = Math.Min(most, array.Length - done);
            if (!copy.TryRead(MemoryMarshal.AsBytes(array.AsSpan(done, piece)), out fault))
            {
                fault = fault.Of(length, remaining);
                return false;
            }

            done += piece;
        }

        reader = copy;
        values = array;
        fault = default;
        return true;
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Throw(in StreamingFault fault) => throw fault.ToException();

    private static bool TryGrow<T>(ref T[] array, ulong count)
    {
        try
        {
            Array.Resize(ref array, (int)count);
            return true;
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
    }
}
