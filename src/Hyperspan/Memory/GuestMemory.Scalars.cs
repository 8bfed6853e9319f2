using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>Values of unmanaged types.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">
    /// A type whose every byte belongs to a field and whose every bit pattern is a value: no padding, no <see cref="bool"/>, no pointer.
    /// </typeparam>
    /// <param name="address">The guest-physical address. Any alignment; naturally aligned values of 1, 2, 4 and 8 bytes are read by one load, with acquire ordering.</param>
    /// <returns>The value, in the byte order of the host; see the members named LittleEndian and BigEndian for integers of a fixed order.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Read<T>(GuestAddress address)
        where T : unmanaged
    {
        if (TryReadInline(address.Value, out T value, out ulong signal))
        {
            return value;
        }

        return ReadOrThrow<T>(address.Value, signal);
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
        if (address.Value > _last)
        {
            PlainType<T>.Demand();
            value = default;
            return false;
        }

        if (TryReadInline(address.Value, out value, out ulong signal))
        {
            return true;
        }

        return TryReadGeneral(address.Value, signal, out value);
    }

    /// <summary>Reads a value and says why where it cannot; see <see cref="Read{T}(GuestAddress)"/>. Does not throw and does not allocate when memory cannot be read.</summary>
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
        if (TryReadInline(address.Value, out value, out ulong signal))
        {
            fault = default;
            return true;
        }

        return TryReadGeneral(address.Value, signal, out value, out fault);
    }

    /// <summary>Writes a value.</summary>
    /// <typeparam name="T">See <see cref="Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address. Any alignment; naturally aligned values of 1, 2, 4 and 8 bytes are written by one store, with release ordering.</param>
    /// <param name="value">The value, in the byte order of the host.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (!TryWriteInline(address.Value, value, out ulong signal))
        {
            WriteOrThrow(address.Value, signal, value);
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
        if (address.Value > _last)
        {
            PlainType<T>.Demand();
            return false;
        }

        return TryWriteInline(address.Value, value, out ulong signal) || TryWriteGeneral(address.Value, signal, value);
    }

    /// <summary>Writes a value and says why where it cannot; see <see cref="Write{T}(GuestAddress, T)"/>. Does not throw and does not allocate when memory cannot be written.</summary>
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
        if (TryWriteInline(address.Value, value, out ulong signal))
        {
            fault = default;
            return true;
        }

        return TryWriteGeneral(address.Value, signal, value, out fault);
    }

    /// <summary>
    /// The paths that are inlined into the caller: the region at address zero, then the table. Where this fails, the general path starts over;
    /// that is right for a write as well, because an inline write whose region turns out to be closed reached nothing that anybody will see.
    /// A guarded access that faulted is not repeated: its signal, a matter of microseconds, is handed on.
    /// </summary>
    /// <remarks>
    /// The shape is for the JIT: one guarded call and one look at the gate however the memory was found, nothing assigned on the way of a direct access that only a
    /// failure needs, and jumps where a method of its own for the middle part would have it keep the answer in a register and test it again.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadInline<T>(ulong address, out T value, out ulong signal)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        Unsafe.SkipInit(out value);
        Unsafe.SkipInit(out signal);
        if (Scalar.Fits<T>())
        {
            // SAFETY: a direct limit is zero unless the bytes below it are mapped, a guarded one unless they are reserved for this memory (that they may be missing is what
            // the guard is for); the mapping stays while this object is referenced.
            if (address < _directRead)
            {
                value = Scalar.Load<T>(_base + address);
                goto Accessed;
            }

            byte* at = _base + address;
            if (address >= _guardedRead)
            {
                if (address < _restrictedRead)
                {
                    if (_restricted!.TryRead(address, out value))
                    {
                        goto Accessed;
                    }

                    goto NotReached;
                }

                RegionTable table = _table;
                ref RegionSlot slot = ref Unsafe.Add(
                    ref MemoryMarshal.GetArrayDataReference(table.Slots), (nint)((address >> table.Shift) & table.Mask));
                ulong offset = address - slot.Start;
                at = slot.Base + offset;
                if (offset < slot.DirectRead)
                {
                    value = Scalar.Load<T>(at);
                    goto Accessed;
                }

                if (offset >= slot.GuardedRead)
                {
                    goto NotReached;
                }
            }

            GuardedResult result = Scalar.GuardedLoad<T>(at);
            value = Scalar.FromBits<T>(result.Value);
            if (!result.Ok)
            {
                signal = result.Status;
                return false;
            }

        Accessed:
            if (!_gate.IsDisturbed || IsOpenAt(address))
            {
                return true;
            }
        }

    NotReached:
        signal = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryWriteInline<T>(ulong address, T value, out ulong signal)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        Unsafe.SkipInit(out signal);
        if (Scalar.Fits<T>())
        {
            // SAFETY: as for reading.
            if (address < _directWrite)
            {
                Scalar.Store(_base + address, value);
                goto Accessed;
            }

            byte* at = _base + address;
            if (address >= _guardedWrite)
            {
                if (address < _restrictedWrite)
                {
                    if (_restricted!.TryWrite(address, value))
                    {
                        goto Accessed;
                    }

                    goto NotReached;
                }

                RegionTable table = _table;
                ref RegionSlot slot = ref Unsafe.Add(
                    ref MemoryMarshal.GetArrayDataReference(table.Slots), (nint)((address >> table.Shift) & table.Mask));
                ulong offset = address - slot.Start;
                at = slot.Base + offset;
                if (offset < slot.DirectWrite)
                {
                    Scalar.Store(at, value);
                    goto Accessed;
                }

                if (offset >= slot.GuardedWrite)
                {
                    goto NotReached;
                }
            }

            GuardedResult result = Scalar.GuardedStore(at, value);
            if (!result.Ok)
            {
                signal = result.Status;
                return false;
            }

        Accessed:
            if (!_gate.IsDisturbed || IsOpenAt(address))
            {
                return true;
            }
        }

    NotReached:
        signal = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private T ReadOrThrow<T>(ulong address, ulong signal)
        where T : unmanaged
    {
        if (!TryReadGeneral(address, signal, out T value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteOrThrow<T>(ulong address, ulong signal, T value)
        where T : unmanaged
    {
        if (!TryWriteGeneral(address, signal, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral<T>(ulong address, ulong signal, out T value)
        where T : unmanaged => TryReadGeneral(address, signal, out value, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral<T>(ulong address, ulong signal, T value)
        where T : unmanaged => TryWriteGeneral(address, signal, value, out _);

    /// <summary>Reads by the general path.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="signal">What an inlined guarded access has met there, or zero.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral<T>(ulong address, ulong signal, out T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            LoadOperation<T> operation = default;
            bool read = Access(address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Read, out fault, (int)signal);
            value = operation.Value;
            return read;
        }

        // Larger than a register, or across regions: like bytes. A value read half is not handed out.
        T buffer;
        if (TryReadBytes(address, (byte*)&buffer, (ulong)sizeof(T), GuestMemoryOperation.Read, out fault))
        {
            value = buffer;
            return true;
        }

        value = default;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral<T>(ulong address, ulong signal, T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            var operation = new StoreOperation<T>(value);
            return Access(address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Write, out fault, (int)signal);
        }

        return TryWriteBytes(address, (byte*)&value, (ulong)sizeof(T), GuestMemoryOperation.Write, out fault);
    }

    private bool IsWithinRegion(ulong address, ulong length) =>
        Find(address) is { } region && length <= region.Length - (address - region.Start);

    [MethodImpl(MethodImplOptions.NoInlining)]
    [DoesNotReturn]
    private static void Throw(in GuestMemoryFault fault) => throw fault.ToException();
}
