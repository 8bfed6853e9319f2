using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>Values of unmanaged types.</content>
public sealed unsafe partial class GuestMemory
{
    // Why the inlined path has failed, where it was no signal. Signals are SIGSEGV and SIGBUS, 11 and 7.
    private const ulong NotTried = 0;
    private const ulong DisturbedGate = 1;

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
        if (TryReadInline(address.Value, out T value, out ulong obstacle))
        {
            return value;
        }

        return ReadOrThrow(address.Value, obstacle, value);
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

        if (TryReadInline(address.Value, out value, out ulong obstacle))
        {
            return true;
        }

        return TryReadGeneral(address.Value, obstacle, ref value);
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
        if (TryReadInline(address.Value, out value, out ulong obstacle))
        {
            fault = default;
            return true;
        }

        return TryReadGeneral(address.Value, obstacle, ref value, out fault);
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
        if (!TryWriteInline(address.Value, value, out ulong obstacle))
        {
            WriteOrThrow(address.Value, obstacle, value);
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

        return TryWriteInline(address.Value, value, out ulong obstacle) || TryWriteGeneral(address.Value, obstacle, value);
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
        if (TryWriteInline(address.Value, value, out ulong obstacle))
        {
            fault = default;
            return true;
        }

        return TryWriteGeneral(address.Value, obstacle, value, out fault);
    }

    /// <summary>
    /// The paths that are inlined into the caller: the region at address zero, then the table. Where this fails, the general path goes on from the obstacle that was met:
    /// a guarded access that faulted is not repeated (its signal, a matter of microseconds, is handed on), and a disturbed gate is asked about.
    /// </summary>
    /// <remarks>
    /// The shape is for the JIT: one call of each stub and one look at the gate however the memory was found, nothing assigned on the way of a direct access that only a
    /// failure needs, jumps where a method of its own for the middle part would have it keep the answer in a register and test it again, and nothing at all that has to
    /// survive a call: a register less for the caller's loop is worth more than any instruction here.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadInline<T>(ulong address, out T value, out ulong obstacle)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        Unsafe.SkipInit(out value);
        Unsafe.SkipInit(out obstacle);
        if (Scalar.Fits<T>())
        {
            // SAFETY: a direct limit is zero unless the bytes below it are mapped, a limit for stubs unless they are reserved for this memory (that they may be missing is what
            // the stubs are for); the mapping stays while this object is referenced.
            if (address < _directRead)
            {
                value = Scalar.Load<T>(_base + address);
                goto Accessed;
            }

            ulong offset;
            byte* at;
            RestrictedPath? restricted;
            if (address < _stubRead)
            {
                offset = address;
                at = _base + address;
                restricted = _restricted;
            }
            else
            {
                ref RegionSlot slot = ref _table.SlotOf(address);
                offset = address - slot.Start;
                at = slot.Base + offset;
                if (offset < slot.DirectRead)
                {
                    value = Scalar.Load<T>(at);
                    goto Accessed;
                }

                if (offset >= slot.StubRead)
                {
                    goto NotReached;
                }

                restricted = slot.Restricted;
            }

            if (restricted is null)
            {
                GuardedResult result = Scalar.GuardedLoad<T>(at);
                value = Scalar.FromBits<T>(result.Value);
                if (!result.Ok)
                {
                    obstacle = result.Status;
                    return false;
                }
            }
            else
            {
                if (!Scalar.IsAligned<T>(at))
                {
                    goto NotReached;
                }

                GuardedResult result = restricted.Load<T>(at, offset);
                value = Scalar.FromBits<T>(result.Value);
                if (!result.Ok)
                {
                    goto NotReached;
                }
            }

        Accessed:
            if (!_gate.IsDisturbed)
            {
                return true;
            }

            obstacle = DisturbedGate;
            return false;
        }

    NotReached:
        // Assigned here: left alone, the JIT would carry the value from one turn of a caller's loop to the next.
        value = default;
        obstacle = NotTried;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryWriteInline<T>(ulong address, T value, out ulong obstacle)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        Unsafe.SkipInit(out obstacle);
        if (Scalar.Fits<T>())
        {
            // SAFETY: as for reading.
            if (address < _directWrite)
            {
                Scalar.Store(_base + address, value);
                goto Accessed;
            }

            ulong offset;
            byte* at;
            RestrictedPath? restricted;
            if (address < _stubWrite)
            {
                offset = address;
                at = _base + address;
                restricted = _restricted;
            }
            else
            {
                ref RegionSlot slot = ref _table.SlotOf(address);
                offset = address - slot.Start;
                at = slot.Base + offset;
                if (offset < slot.DirectWrite)
                {
                    Scalar.Store(at, value);
                    goto Accessed;
                }

                if (offset >= slot.StubWrite)
                {
                    goto NotReached;
                }

                restricted = slot.Restricted;
            }

            if (restricted is null)
            {
                GuardedResult result = Scalar.GuardedStore(at, value);
                if (!result.Ok)
                {
                    obstacle = result.Status;
                    return false;
                }
            }
            else if (!Scalar.IsAligned<T>(at) || !restricted.Store(at, offset, value).Ok)
            {
                goto NotReached;
            }

        Accessed:
            if (!_gate.IsDisturbed)
            {
                return true;
            }

            obstacle = DisturbedGate;
            return false;
        }

    NotReached:
        obstacle = NotTried;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private T ReadOrThrow<T>(ulong address, ulong obstacle, T value)
        where T : unmanaged
    {
        if (!TryReadGeneral(address, obstacle, ref value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteOrThrow<T>(ulong address, ulong obstacle, T value)
        where T : unmanaged
    {
        if (!TryWriteGeneral(address, obstacle, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral<T>(ulong address, ulong obstacle, ref T value)
        where T : unmanaged => TryReadGeneral(address, obstacle, ref value, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral<T>(ulong address, ulong obstacle, T value)
        where T : unmanaged => TryWriteGeneral(address, obstacle, value, out _);

    /// <summary>Reads by the general path.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="obstacle">What kept the inlined path from it: a signal, <see cref="DisturbedGate"/> or <see cref="NotTried"/>.</param>
    /// <param name="value">What the inlined path has read, if the gate is all that was in its way; then the value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral<T>(ulong address, ulong obstacle, ref T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (obstacle == DisturbedGate && IsOpenAt(address))
        {
            fault = default;
            return true;
        }

        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            LoadOperation<T> operation = default;
            bool read = Access(address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Read, out fault, SignalOf(obstacle));
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
    private bool TryWriteGeneral<T>(ulong address, ulong obstacle, T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (obstacle == DisturbedGate && IsOpenAt(address))
        {
            fault = default;
            return true;
        }

        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            var operation = new StoreOperation<T>(value);
            return Access(address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Write, out fault, SignalOf(obstacle));
        }

        return TryWriteBytes(address, (byte*)&value, (ulong)sizeof(T), GuestMemoryOperation.Write, out fault);
    }

    private static int SignalOf(ulong obstacle) => obstacle == DisturbedGate ? 0 : (int)obstacle;

    private bool IsWithinRegion(ulong address, ulong length) =>
        Find(address) is { } region && length <= region.Length - (address - region.Start);

    [MethodImpl(MethodImplOptions.NoInlining)]
    [DoesNotReturn]
    private static void Throw(in GuestMemoryFault fault) => throw fault.ToException();
}
