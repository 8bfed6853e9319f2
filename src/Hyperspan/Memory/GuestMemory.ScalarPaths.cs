using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>How values are reached: by the code that is inlined into callers, and by the general path behind it.</content>
public sealed unsafe partial class GuestMemory
{
    // Why the inlined path has failed, where it was no signal. Signals are SIGSEGV and SIGBUS, 11 and 7.
    private const ulong NotTried = 0;
    private const ulong DisturbedGate = 1;

    // From this bit on an obstacle says how many bytes of a copy are done.
    private const int DoneShift = 8;

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
            // SAFETY: a direct limit is zero unless the bytes below it are mapped, a limit for stubs unless they are reserved for this memory (that they may be missing
            // is what the stubs are for); the mapping stays while this object is referenced.
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
                GuardedResult result = Guard.Load<T>(at);
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

        if (!Scalar.Fits<T>())
        {
            if (sizeof(T) <= ShortCopy.Limit && Fits(address, (ulong)sizeof(T), _directReadBytes))
            {
                // SAFETY: as above. By vectors, one or two of them for the most part: the size is a constant.
                ShortCopy.Copy(ref Unsafe.As<T, byte>(ref value), ref _base[address], (nuint)sizeof(T));
                obstacle = DisturbedGate;
                return !_gate.IsDisturbed;
            }

            return TryReadLong(address, ref Unsafe.As<T, byte>(ref value), (ulong)sizeof(T), out obstacle);
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
                GuardedResult result = Guard.Store(at, value);
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
            if (!_gate.AreWritesDisturbed)
            {
                return true;
            }

            obstacle = DisturbedGate;
            return false;
        }

        if (!Scalar.Fits<T>())
        {
            if (sizeof(T) <= ShortCopy.Limit && Fits(address, (ulong)sizeof(T), _directWriteBytes))
            {
                // SAFETY: as for reading.
                ShortCopy.Copy(ref _base[address], ref Unsafe.As<T, byte>(ref value), (nuint)sizeof(T));
                obstacle = DisturbedGate;
                return !_gate.AreWritesDisturbed;
            }

            return TryWriteLong(address, ref Unsafe.As<T, byte>(ref value), (ulong)sizeof(T), out obstacle);
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
        if ((obstacle != DisturbedGate || !CountFirst(address, (ulong)sizeof(T))) && !TryWriteGeneral(address, obstacle, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral<T>(ulong address, ulong obstacle, ref T value)
        where T : unmanaged => TryReadGeneral(address, obstacle, ref value, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral<T>(ulong address, ulong obstacle, T value)
        where T : unmanaged =>
        (obstacle == DisturbedGate && CountFirst(address, (ulong)sizeof(T))) || TryWriteGeneral(address, obstacle, value, out _);

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

        if (address > _last)
        {
            value = default;
            return PastEnd(GuestMemoryOperation.Read, address, (ulong)sizeof(T), out fault);
        }

        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            LoadOperation<T> operation = default;
            bool read = SlowPath.Access(this, address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Read, out fault, SignalOf(obstacle));
            value = operation.Value;
            return read;
        }

        // Larger than a register, or across regions: like bytes. A value read half is not handed out.
        T buffer;
        if (TryReadGeneral(address, ref *(byte*)&buffer, (ulong)sizeof(T), obstacle == DisturbedGate ? NotTried : (byte)obstacle, out fault))
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
        if (obstacle == DisturbedGate && CountWrite(address, (ulong)sizeof(T)))
        {
            fault = default;
            return true;
        }

        if (address > _last)
        {
            return PastEnd(GuestMemoryOperation.Write, address, (ulong)sizeof(T), out fault);
        }

        if (Scalar.Fits<T>() && IsWithinRegion(address, (ulong)sizeof(T)))
        {
            var operation = new StoreOperation<T>(value);
            return SlowPath.Access(this, address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Write, out fault, SignalOf(obstacle));
        }

        return TryWriteGeneral(address, ref *(byte*)&value, (ulong)sizeof(T), obstacle == DisturbedGate ? NotTried : obstacle, out fault);
    }

    private static int SignalOf(ulong obstacle) => obstacle == DisturbedGate ? 0 : (byte)obstacle;

    private bool IsWithinRegion(ulong address, ulong length) =>
        Find(address) is { } region && region.Holds(address, length);
}
