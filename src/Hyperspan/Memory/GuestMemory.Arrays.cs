using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <content>Several values of one type, one after the other.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads values that lie one after the other.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value; any alignment.</param>
    /// <param name="destination">
    /// Receives the values, in the byte order of the host: all of them, or an unspecified part of them where the read fails. They are copied like bytes.
    /// </param>
    /// <exception cref="GuestMemoryException">Not all of them could be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public void Read<T>(GuestAddress address, Span<T> destination)
        where T : unmanaged
    {
        if (!TryRead(address, destination, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>
    /// Reads values that lie one after the other; see <see cref="Read{T}(GuestAddress, Span{T})"/>. Neither throws nor allocates when memory cannot be read.
    /// </summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value.</param>
    /// <param name="destination">Receives the values.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    public bool TryRead<T>(GuestAddress address, Span<T> destination, out GuestMemoryFault fault)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        ref byte first = ref Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(destination));
        ulong length = (ulong)destination.Length * (ulong)sizeof(T);
        fault = default;
        return BytePath.TryRead(this, address.Value, ref first, length, out CopyObstacle obstacle) || BytePath.TryReadSlowly(this, address.Value, ref first, length, obstacle, out fault);
    }

    /// <summary>Reads values that lie one after the other into a new array.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value; any alignment.</param>
    /// <param name="count">The number of values. The array is made only where there is memory for all of them.</param>
    /// <returns>The values, in the byte order of the host.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="GuestMemoryException">Not all of them could be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public T[] ReadArray<T>(GuestAddress address, int count)
        where T : unmanaged
    {
        if (!TryReadArray(address, count, out T[]? values, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return values;
    }

    /// <summary>Reads values that lie one after the other into a new array; see <see cref="ReadArray{T}(GuestAddress, int)"/>.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value.</param>
    /// <param name="count">The number of values.</param>
    /// <param name="values">The values.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is memory for all of them in the guest, and not here.</exception>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    public bool TryReadArray<T>(GuestAddress address, int count, [NotNullWhen(true)] out T[]? values, out GuestMemoryFault fault)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        PlainType<T>.Demand();
        values = null;
        if (!CheckRange(address.Value, (ulong)count * (ulong)sizeof(T), GuestMemoryOperation.Read, out fault))
        {
            return false;
        }

        T[] read = count == 0 ? [] : GC.AllocateUninitializedArray<T>(count);
        if (!TryRead(address, read.AsSpan(), out fault))
        {
            return false;
        }

        values = read;
        return true;
    }

    /// <summary>Writes values one after the other.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value; any alignment.</param>
    /// <param name="source">The values, in the byte order of the host. They are copied like bytes.</param>
    /// <exception cref="GuestMemoryException">Not all of them could be written; bytes below the fault's address may have been.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    [OverloadResolutionPriority(-1)] // A collection expression of numbers is bytes, where it can be.
    public void Write<T>(GuestAddress address, ReadOnlySpan<T> source)
        where T : unmanaged
    {
        if (!TryWrite(address, source, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>
    /// Writes values one after the other; see <see cref="Write{T}(GuestAddress, ReadOnlySpan{T})"/>. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address of the first value.</param>
    /// <param name="source">The values.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    [OverloadResolutionPriority(-1)] // As above.
    public bool TryWrite<T>(GuestAddress address, ReadOnlySpan<T> source, out GuestMemoryFault fault)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        ref byte first = ref Unsafe.As<T, byte>(ref MemoryMarshal.GetReference(source));
        ulong length = (ulong)source.Length * (ulong)sizeof(T);
        fault = default;
        return BytePath.TryWrite(this, address.Value, ref first, length, out CopyObstacle obstacle) || BytePath.TryWriteSlowly(this, address.Value, ref first, length, obstacle, out fault);
    }
}
