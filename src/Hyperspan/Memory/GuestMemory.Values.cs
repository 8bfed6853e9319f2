using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <content>Values of unmanaged types, one or several.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">
    /// A type whose every byte belongs to a field and whose every bit pattern is a value: no padding, no <see cref="bool"/>, no pointer.
    /// </typeparam>
    /// <param name="address">
    /// The guest-physical address. Any alignment; naturally aligned values of 1, 2, 4 and 8 bytes are read by one load, with acquire ordering.
    /// </param>
    /// <returns>The value, in the byte order of the host; see the members named LittleEndian and BigEndian for integers of a fixed order.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Read<T>(GuestAddress address)
        where T : unmanaged
    {
        if (ValuePath.TryRead(this, address.Value, out T value, out Obstacle obstacle))
        {
            return value;
        }

        return ValuePath.ReadOrThrow(this, address.Value, obstacle, value);
    }

    /// <summary>Reads a value; see <see cref="Read{T}(GuestAddress)"/>. Does not throw and does not allocate when memory cannot be read.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(GuestAddress address, out T value)
        where T : unmanaged
    {
        // Nobody asks why: past the end of everything is settled here, by one compare.
        if (address.Value > LastAddress)
        {
            PlainType<T>.Demand();
            value = default;
            return false;
        }

        if (ValuePath.TryRead(this, address.Value, out value, out Obstacle obstacle))
        {
            return true;
        }

        // A copy, so that a caller's own may stay in a register.
        T read = value;
        bool done = ValuePath.TryReadSlowly(this, address.Value, obstacle, ref read);
        value = read;
        return done;
    }

    /// <summary>
    /// Reads a value and says why where it cannot; see <see cref="Read{T}(GuestAddress)"/>. Does not throw and does not allocate when memory cannot be read.
    /// </summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(GuestAddress address, out T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (address.Value > LastAddress)
        {
            PlainType<T>.Demand();
            value = default;
            return PastEnd(GuestMemoryOperation.Read, address.Value, (ulong)sizeof(T), out fault);
        }

        if (ValuePath.TryRead(this, address.Value, out value, out Obstacle obstacle))
        {
            fault = default;
            return true;
        }

        T read = value;
        bool done = ValuePath.TryReadSlowly(this, address.Value, obstacle, ref read, out fault);
        value = read;
        return done;
    }

    /// <summary>Writes a value.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">
    /// The guest-physical address. Any alignment; naturally aligned values of 1, 2, 4 and 8 bytes are written by one store, with release ordering.
    /// </param>
    /// <param name="value">The value, in the byte order of the host.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (!ValuePath.TryWrite(this, address.Value, value, out Obstacle obstacle))
        {
            ValuePath.WriteOrThrow(this, address.Value, obstacle, value);
        }
    }

    /// <summary>Writes a value; see <see cref="Write{T}(GuestAddress, T)"/>. Does not throw and does not allocate when memory cannot be written.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was written.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (address.Value > LastAddress)
        {
            PlainType<T>.Demand();
            return false;
        }

        return ValuePath.TryWrite(this, address.Value, value, out Obstacle obstacle) || ValuePath.TryWriteSlowly(this, address.Value, obstacle, value);
    }

    /// <summary>
    /// Writes a value and says why where it cannot; see <see cref="Write{T}(GuestAddress, T)"/>. Does not throw and does not allocate when memory cannot be written.
    /// </summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    /// <exception cref="NotSupportedException">The type is refused.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(GuestAddress address, T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (address.Value > LastAddress)
        {
            PlainType<T>.Demand();
            return PastEnd(GuestMemoryOperation.Write, address.Value, (ulong)sizeof(T), out fault);
        }

        if (ValuePath.TryWrite(this, address.Value, value, out Obstacle obstacle))
        {
            fault = default;
            return true;
        }

        return ValuePath.TryWriteSlowly(this, address.Value, obstacle, value, out fault);
    }

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
        return BytePath.TryRead(this, address.Value, ref first, length, out CopyObstacle obstacle)
            || BytePath.TryReadSlowly(this, address.Value, ref first, length, obstacle, out fault);
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

    /// <summary>Reads bytes into a new array.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="count">The number of bytes. The array is made only where there is memory for all of them.</param>
    /// <returns>The bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="GuestMemoryException">Not all of them could be read.</exception>
    public byte[] ReadBytes(GuestAddress address, int count) => ReadArray<byte>(address, count);

    /// <summary>Reads bytes into a new array; see <see cref="ReadBytes(GuestAddress, int)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="count">The number of bytes.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is memory for all of them in the guest, and not here.</exception>
    public bool TryReadBytes(GuestAddress address, int count, [NotNullWhen(true)] out byte[]? bytes, out GuestMemoryFault fault) =>
        TryReadArray(address, count, out bytes, out fault);

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
        return BytePath.TryWrite(this, address.Value, ref first, length, out CopyObstacle obstacle)
            || BytePath.TryWriteSlowly(this, address.Value, ref first, length, obstacle, out fault);
    }
}
