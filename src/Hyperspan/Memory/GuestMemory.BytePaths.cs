using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>How bytes are reached: straight through where nothing can fault, by one guarded copy where it can, by the general path otherwise.</content>
/// <remarks>
/// What is inlined into the caller is for short ranges in the region at address zero: a check of the range, the copy and a look at the gate. It makes no fault and keeps
/// nothing across a call. Everything else is behind one call, which starts over; that is right for a write as well, because what a refused inline write left in memory
/// that turns out to be closed is seen by nobody. (Where the gate is disturbed and the memory open, a short write is done twice. Nobody can tell: bytes have no promise
/// of order or number.)
/// </remarks>
public sealed unsafe partial class GuestMemory
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadShort(ulong address, Span<byte> destination)
    {
        ulong length = (uint)destination.Length;
        if (length > ShortCopy.Limit || !Fits(address, length, _directReadBytes))
        {
            return false;
        }

        // SAFETY: the range lies in the region at address zero, whose mapping cannot fault and stays while this object is referenced.
        ShortCopy.Copy(ref MemoryMarshal.GetReference(destination), ref _base[address], (nuint)length);
        if (!_gate.IsDisturbed)
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryWriteShort(ulong address, ReadOnlySpan<byte> source)
    {
        ulong length = (uint)source.Length;
        if (length > ShortCopy.Limit || !Fits(address, length, _directWriteBytes))
        {
            return false;
        }

        // SAFETY: as for reading.
        ShortCopy.Copy(ref _base[address], ref MemoryMarshal.GetReference(source), (nuint)length);
        if (!_gate.AreWritesDisturbed)
        {
            return true;
        }

        return false;
    }

    /// <summary>Whether a range lies below a limit. No sum: it might wrap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Fits(ulong address, ulong length, ulong limit) => length <= limit && address <= limit - length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFillInline(ulong address, ulong length, byte value)
    {
        if (!Fits(address, length, _directWriteBytes))
        {
            return false;
        }

        // SAFETY: as for reading.
        NativeMemory.Fill(_base + address, (nuint)length, value);
        if (!_gate.AreWritesDisturbed || CountWrite(address, length))
        {
            return true;
        }

        return false;
    }

    /// <summary>Reads by copies, plain, guarded or under access bitmaps, where one region holds all of the range and such copies reach it.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="obstacle">
    /// The signal that the copy has met, or <see cref="NotTried"/> where the general path has everything to do; above <see cref="DoneShift"/>, how many bytes it need not
    /// do again.
    /// </param>
    /// <remarks>Nothing is called from here but in the end, so that no register has to be saved on the way of medium lengths.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadLong(ulong address, ref byte destination, ulong length, out ulong obstacle)
    {
        // SAFETY: the range lies in the region at address zero or in that of its slot, whose mapping cannot fault and stays while this object is referenced.
        byte* from = _base + address;
        bool direct = Fits(address, length, _directReadBytes);
        if (!direct)
        {
            if (length - 1 < Guard.SuppressedLimit && Fits(address, length, RegionSlot.BytesBelow(_stubRead)))
            {
                if (_restricted is null)
                {
                    return TryReadGuarded(address, ref destination, length, out obstacle);
                }

                if (PageMath.IsInPage(address, length))
                {
                    return TryReadRestricted(address, ref destination, length, out obstacle);
                }
            }

            ref RegionSlot slot = ref _table.SlotOf(address);
            ulong offset = address - slot.Start;
            from = slot.Base + offset;
            direct = Fits(offset, length, RegionSlot.BytesBelow(slot.DirectRead));
        }

        if (direct && length <= MediumCopy.Limit)
        {
            if (length <= ShortCopy.Limit)
            {
                ShortCopy.Copy(ref destination, ref *from, (nuint)length);
                obstacle = DisturbedGate;
                return !_gate.IsDisturbed;
            }

            if (MediumCopy.TryCopy(ref destination, ref *from, (nuint)length))
            {
                obstacle = DisturbedGate;
                return !_gate.IsDisturbed;
            }
        }

        return TryReadAnywhere(address, ref destination, length, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGuarded(ulong address, ref byte destination, ulong length, out ulong obstacle)
    {
        // SAFETY: the range lies in a mapping that stays while this object is referenced; the guard recovers from faults.
        return Counts(Guard.CopyOut(ref destination, _base + address, (nuint)length), _base + address, length, AccessType.Read, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadRestricted(ulong address, ref byte destination, ulong length, out ulong obstacle)
    {
        // SAFETY: as for a guarded read; the range lies in one page of it.
        obstacle = _restricted!.CopyOutOfPage(ref destination, _base + address, address, (nuint)length) ? DisturbedGate : NotTried;
        return obstacle != NotTried && !_gate.IsDisturbed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadAnywhere(ulong address, ref byte destination, ulong length, out ulong obstacle)
    {
        if (!TryFindMapping(address, length, AccessType.Read, out byte* from, out bool direct, out RestrictedPath? restricted, out ulong offset))
        {
            obstacle = NotTried;
            return false;
        }

        // SAFETY: as above. Pinned, because the garbage collector may run during a long guarded copy.
        fixed (byte* pinned = &destination)
        {
            if (restricted is not null)
            {
                ulong done = restricted.CopyOut(pinned, from, offset, length);
                return CountsUpTo(done, length, AccessType.Read, out obstacle);
            }

            return CopyAnywhere(pinned, from, length, direct, AccessType.Read, out obstacle);
        }
    }

    /// <summary>Writes by copies; see <see cref="TryReadLong"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteLong(ulong address, ref byte source, ulong length, out ulong obstacle)
    {
        // SAFETY: as for reading.
        byte* to = _base + address;
        bool direct = Fits(address, length, _directWriteBytes);
        if (!direct)
        {
            if (length != 0 && IsWrittenUpwards(to, length) && Fits(address, length, RegionSlot.BytesBelow(_stubWrite)))
            {
                if (_restricted is null)
                {
                    return TryWriteGuarded(address, ref source, length, out obstacle);
                }

                if (PageMath.IsInPage(address, length))
                {
                    return TryWriteRestricted(address, ref source, length, out obstacle);
                }
            }

            ref RegionSlot slot = ref _table.SlotOf(address);
            ulong offset = address - slot.Start;
            to = slot.Base + offset;
            direct = Fits(offset, length, RegionSlot.BytesBelow(slot.DirectWrite));
        }

        if (direct && length <= MediumCopy.Limit)
        {
            if (length <= ShortCopy.Limit)
            {
                ShortCopy.Copy(ref *to, ref source, (nuint)length);
                obstacle = DisturbedGate;
                return !_gate.AreWritesDisturbed;
            }

            if (MediumCopy.TryCopy(ref *to, ref source, (nuint)length))
            {
                obstacle = DisturbedGate;
                return !_gate.AreWritesDisturbed;
            }
        }

        return TryWriteAnywhere(address, ref source, length, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGuarded(ulong address, ref byte source, ulong length, out ulong obstacle)
    {
        // SAFETY: the range lies in a mapping that stays while this object is referenced; the guard recovers from faults.
        return Counts(Guard.CopyIn(_base + address, ref source, (nuint)length), _base + address, length, AccessType.Write, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteRestricted(ulong address, ref byte source, ulong length, out ulong obstacle)
    {
        // SAFETY: as for reading.
        obstacle = _restricted!.CopyIntoPage(_base + address, ref source, address, (nuint)length) ? DisturbedGate : NotTried;
        return obstacle != NotTried && !_gate.AreWritesDisturbed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteAnywhere(ulong address, ref byte source, ulong length, out ulong obstacle)
    {
        if (!TryFindMapping(address, length, AccessType.Write, out byte* to, out bool direct, out RestrictedPath? restricted, out ulong offset))
        {
            obstacle = NotTried;
            return false;
        }

        // SAFETY: as above.
        fixed (byte* pinned = &source)
        {
            if (restricted is not null)
            {
                ulong done = restricted.CopyIn(to, pinned, offset, length);
                return CountsUpTo(done, length, AccessType.Write, out obstacle);
            }

            if (direct || IsWrittenUpwards(to, length))
            {
                return CopyAnywhere(to, pinned, length, direct, AccessType.Write, out obstacle);
            }

            if (Guard.CopiesUpwards(to, pinned, length))
            {
                return Counts(Guard.CopyUpwards(to, pinned, (nuint)length), to, length, AccessType.Write, out obstacle);
            }

            // What this has written when a page fails is written again by the general path.
            bool copied = TryCopyUpwards(to, pinned, length, direct: false, mayBlock: false);
            obstacle = copied ? DisturbedGate : NotTried;
            return copied && !_gate.AreWritesDisturbed;
        }
    }

    /// <summary>Whether a copy under access bitmaps counts; where it was done in part, the general path goes on from there.</summary>
    private bool CountsUpTo(ulong done, ulong length, AccessType access, out ulong obstacle)
    {
        if (done == length)
        {
            obstacle = DisturbedGate;
            return IsUndisturbed(access);
        }

        // Where writes are logged, or something was closed, all of it is done again, and told.
        obstacle = IsUndisturbed(access) ? NotTried | (done << DoneShift) : NotTried;
        return false;
    }

    /// <summary>
    /// Whether nothing above a fault is written by one guarded copy: what lies in one page fails as a whole, and up to <see cref="Guard.AscendingLimit"/> bytes the first
    /// is written first.
    /// </summary>
    private static bool IsWrittenUpwards(byte* to, ulong length) =>
        length <= Guard.AscendingLimit || PageMath.IsInPage((ulong)to, length);

    private bool CopyAnywhere(byte* destination, byte* source, ulong length, bool direct, AccessType access, out ulong obstacle)
    {
        if (direct)
        {
            // SAFETY: the callers have checked both ranges.
            Buffer.MemoryCopy(source, destination, length, length);
            obstacle = DisturbedGate;
            return IsUndisturbed(access);
        }

        // SAFETY: likewise; the guard recovers from faults.
        byte* guest = access == AccessType.Write ? destination : source;
        return Counts(Guard.Copy(destination, source, (nuint)length, mayBlock: false), guest, length, access, out obstacle);
    }

    /// <summary>
    /// Finds a range in the one region that holds all of it, if plain accesses, guarded ones or those of a path under access bitmaps reach it: in the first region, then
    /// by the table.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFindMapping(
        ulong address, ulong length, AccessType access, out byte* at, out bool direct, out RestrictedPath? restricted, out ulong offset)
    {
        bool write = access == AccessType.Write;
        offset = address;
        at = _base + address;
        restricted = _restricted;
        direct = Fits(address, length, write ? _directWriteBytes : _directReadBytes);
        if (direct || Fits(address, length, RegionSlot.BytesBelow(write ? _stubWrite : _stubRead)))
        {
            return true;
        }

        ref RegionSlot slot = ref _table.SlotOf(address);
        offset = address - slot.Start;
        at = slot.Base + offset;
        restricted = slot.Restricted;
        direct = Fits(offset, length, RegionSlot.BytesBelow(write ? slot.DirectWrite : slot.DirectRead));
        return direct || Fits(offset, length, RegionSlot.BytesBelow(write ? slot.StubWrite : slot.StubRead));
    }

    /// <summary>Whether a guarded copy counts: it was done, and the gate is undisturbed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Counts(GuardedResult result, byte* guest, ulong length, AccessType access, out ulong obstacle)
    {
        if (result.Ok)
        {
            obstacle = DisturbedGate;
            return IsUndisturbed(access);
        }

        // The other side may be guest memory as well, or vanish: the general path finds out.
        obstacle = result.Value - (ulong)guest < length ? result.Status : NotTried;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsUndisturbed(AccessType access) => access == AccessType.Write ? !_gate.AreWritesDisturbed : !_gate.IsDisturbed;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReadOrThrow(ulong address, ref byte destination, ulong length, ulong obstacle)
    {
        if (!TryReadGeneral(address, ref destination, length, obstacle, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral(ulong address, ref byte destination, ulong length, ulong obstacle, out GuestMemoryFault fault)
    {
        // SAFETY: pinned meanwhile, as above.
        fixed (byte* pinned = &destination)
        {
            if (obstacle == DisturbedGate && (length == 0 || IsOpenAt(address)))
            {
                fault = default;
                return true;
            }

            return TryReadRest(address, pinned, length, obstacle, out fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteOrThrow(ulong address, ref byte source, ulong length, ulong obstacle)
    {
        if (!TryWriteGeneral(address, ref source, length, obstacle, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral(ulong address, ref byte source, ulong length, ulong obstacle, out GuestMemoryFault fault)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = &source)
        {
            if (obstacle == DisturbedGate && (length == 0 || CountWrite(address, length)))
            {
                fault = default;
                return true;
            }

            return TryWriteRest(address, pinned, length, obstacle, out fault);
        }
    }

    /// <summary>Reads what an inlined path has left to be done. A fault names all of what was asked for.</summary>
    private bool TryReadRest(ulong address, byte* destination, ulong length, ulong obstacle, out GuestMemoryFault fault)
    {
        ulong done = obstacle >> DoneShift;
        if (TryReadBytes(address + done, destination + done, length - done, GuestMemoryOperation.Read, out fault, SignalOf(obstacle)))
        {
            return true;
        }

        fault = done == 0 ? fault : fault.As(GuestMemoryOperation.Read, address, length);
        return false;
    }

    /// <summary>Writes what an inlined path has left to be done: what was written is not written again, so that nothing above the fault has been.</summary>
    private bool TryWriteRest(ulong address, byte* source, ulong length, ulong obstacle, out GuestMemoryFault fault)
    {
        ulong done = obstacle >> DoneShift;
        if (done != 0 && _gate.AreWritesDisturbed)
        {
            TellRange(address, done);
        }

        if (TryWriteBytes(address + done, source + done, length - done, GuestMemoryOperation.Write, out fault, SignalOf(obstacle)))
        {
            return true;
        }

        fault = done == 0 ? fault : fault.As(GuestMemoryOperation.Write, address, length);
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FillOrThrow(ulong address, ulong length, byte value)
    {
        if (!TryFillGeneral(address, length, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryFillGeneral(ulong address, ulong length, byte value, out GuestMemoryFault fault)
    {
        var operation = new FillOperation(value);
        return SlowPath.Access(this, address, length, ref operation, GuestMemoryOperation.Fill, out fault);
    }

    internal bool TryReadBytes(
        ulong address, byte* destination, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault, int signal = 0)
    {
        var operation = new ReadBytesOperation(destination);
        return SlowPath.Access(this, address, length, ref operation, name, out fault, signal);
    }

    internal bool TryWriteBytes(
        ulong address, byte* source, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault, int signal = 0)
    {
        var operation = new WriteBytesOperation(source);
        return SlowPath.Access(this, address, length, ref operation, name, out fault, signal);
    }
}
