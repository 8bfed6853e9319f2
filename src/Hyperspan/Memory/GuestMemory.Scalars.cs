using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Values of unmanaged types.</content>
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

        return ValuePath.TryReadSlowly(this, address.Value, obstacle, ref value);
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

        return ValuePath.TryReadSlowly(this, address.Value, obstacle, ref value, out fault);
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
}
