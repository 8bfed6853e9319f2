using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>How bytes are reached: straight through where nothing can fault, by one guarded copy where it can, and what follows where that fails.</summary>
/// <remarks>
/// What is inlined into the caller is for short ranges in the region at address zero: a check of the range, the copy and a look at the gate. It makes no fault and keeps
/// nothing across a call. Everything else is behind one call, which starts over; that is right for a write as well, because what a refused inline write left in memory
/// that turns out to be closed is seen by nobody. (Where the gate is disturbed and the memory open, a short write is done twice. Nobody can tell: bytes have no promise
/// of order or number.)
/// </remarks>
[SkipLocalsInit]
internal static unsafe class BytePath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryReadShort(GuestMemory memory, ulong address, Span<byte> destination)
    {
        ulong length = (uint)destination.Length;
        if (length > ShortCopy.Limit || !RegionSlot.Fits(memory.FirstReadBytes, address, length))
        {
            return false;
        }

        // SAFETY: the range lies in the region at address zero, whose mapping cannot fault and stays while the memory is referenced.
        ShortCopy.Copy(ref MemoryMarshal.GetReference(destination), ref memory.First.Base[address], (nuint)length);
        if (!memory.Gate.IsDisturbed)
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryWriteShort(GuestMemory memory, ulong address, ReadOnlySpan<byte> source)
    {
        ulong length = (uint)source.Length;
        if (length > ShortCopy.Limit || !RegionSlot.Fits(memory.FirstWriteBytes, address, length))
        {
            return false;
        }

        // SAFETY: as for reading.
        ShortCopy.Copy(ref memory.First.Base[address], ref MemoryMarshal.GetReference(source), (nuint)length);
        if (!memory.Gate.AreWritesDisturbed)
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryFillDirect(GuestMemory memory, ulong address, ulong length, byte value)
    {
        if (!RegionSlot.Fits(memory.FirstWriteBytes, address, length))
        {
            return false;
        }

        // SAFETY: as for reading.
        NativeMemory.Fill(memory.First.Base + address, (nuint)length, value);
        if (!memory.Gate.AreWritesDisturbed || memory.ConfirmWrite(address, length))
        {
            return true;
        }

        return false;
    }

    /// <summary>Reads by copies, plain, guarded or under access bitmaps, where one region holds all of the range and such copies reach it.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="obstacle">What is left for the slow path, and why.</param>
    /// <remarks>Nothing is called from here but in the end, so that no register has to be saved on the way of medium lengths.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryRead(GuestMemory memory, ulong address, ref byte destination, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: the range lies in the region at address zero or in that of its slot, whose mapping cannot fault and stays while the memory is referenced.
        byte* from = memory.First.Base + address;
        bool direct = RegionSlot.Fits(memory.FirstReadBytes, address, length);
        if (!direct)
        {
            if (length - 1 < Guard.SuppressedLimit && RegionSlot.Fits(RegionSlot.BytesBelow(memory.First.StubRead), address, length))
            {
                if (memory.First.Checked is null)
                {
                    return TryReadGuarded(memory, address, ref destination, length, out obstacle);
                }

                if (PageMath.IsInPage(address, length))
                {
                    return Guard.IsBitCheckedLength((nuint)length)
                        ? TryReadShortRestricted(memory, address, ref destination, length, out obstacle)
                        : TryReadRestricted(memory, address, ref destination, length, out obstacle);
                }
            }

            ref RegionSlot slot = ref memory.Table.SlotOf(address);
            ulong offset = address - slot.Start;
            from = slot.Base + offset;
            direct = RegionSlot.Fits(RegionSlot.BytesBelow(slot.DirectRead), offset, length);
        }

        if (direct && length <= MediumCopy.Limit)
        {
            if (length <= ShortCopy.Limit)
            {
                ShortCopy.Copy(ref destination, ref *from, (nuint)length);
                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.IsDisturbed;
            }

            if (MediumCopy.TryCopy(ref destination, ref *from, (nuint)length))
            {
                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.IsDisturbed;
            }
        }

        return TryReadAnywhere(memory, address, ref destination, length, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadGuarded(GuestMemory memory, ulong address, ref byte destination, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: the range lies in a mapping that stays while the memory is referenced; the guard recovers from faults.
        byte* from = memory.First.Base + address;
        return IsDone(memory, Guard.CopyOut(ref destination, from, (nuint)length), from, length, AccessType.Read, out obstacle);
    }

    /// <summary>What fails here, also for want of restartable sequences, is the slow path's: nothing but what that is told is kept across the call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadShortRestricted(GuestMemory memory, ulong address, ref byte destination, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: as for a guarded read; the range lies in one page of it.
        bool copied = memory.First.Checked!.ReadShort(ref destination, memory.First.Base + address, address, (nuint)length);
        obstacle = copied ? Obstacle.DisturbedGate : Obstacle.NotReached;
        return copied && !memory.Gate.IsDisturbed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadRestricted(GuestMemory memory, ulong address, ref byte destination, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: as for a guarded read; the range lies in one page of it.
        bool copied = memory.First.Checked!.ReadInSection(ref destination, memory.First.Base + address, address, (nuint)length);
        obstacle = copied ? Obstacle.DisturbedGate : Obstacle.NotReached;
        return copied && !memory.Gate.IsDisturbed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadAnywhere(GuestMemory memory, ulong address, ref byte destination, ulong length, out CopyObstacle obstacle)
    {
        if (!TryFindMapping(memory, address, length, AccessType.Read, out byte* from, out bool direct, out CheckedPath? checkedPath, out ulong offset))
        {
            obstacle = Obstacle.NotReached;
            return false;
        }

        // SAFETY: as above. Pinned, because the garbage collector may run during a long guarded copy.
        fixed (byte* pinned = &destination)
        {
            if (checkedPath is not null)
            {
                ulong done = checkedPath.CopyOut(pinned, from, offset, length);
                return IsDone(memory, done, length, AccessType.Read, out obstacle);
            }

            return TryCopy(memory, pinned, from, length, direct, AccessType.Read, out obstacle);
        }
    }

    /// <summary>Writes by copies; see <see cref="TryRead"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryWrite(GuestMemory memory, ulong address, ref byte source, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: as for reading.
        byte* to = memory.First.Base + address;
        bool direct = RegionSlot.Fits(memory.FirstWriteBytes, address, length);
        if (!direct)
        {
            if (length != 0 && IsWrittenUpwards(to, length) && RegionSlot.Fits(RegionSlot.BytesBelow(memory.First.StubWrite), address, length))
            {
                if (memory.First.Checked is null)
                {
                    return TryWriteGuarded(memory, address, ref source, length, out obstacle);
                }

                if (PageMath.IsInPage(address, length))
                {
                    return Guard.IsBitCheckedLength((nuint)length)
                        ? TryWriteShortRestricted(memory, address, ref source, length, out obstacle)
                        : TryWriteRestricted(memory, address, ref source, length, out obstacle);
                }
            }

            ref RegionSlot slot = ref memory.Table.SlotOf(address);
            ulong offset = address - slot.Start;
            to = slot.Base + offset;
            direct = RegionSlot.Fits(RegionSlot.BytesBelow(slot.DirectWrite), offset, length);
        }

        if (direct && length <= MediumCopy.Limit)
        {
            if (length <= ShortCopy.Limit)
            {
                ShortCopy.Copy(ref *to, ref source, (nuint)length);
                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.AreWritesDisturbed;
            }

            if (MediumCopy.TryCopy(ref *to, ref source, (nuint)length))
            {
                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.AreWritesDisturbed;
            }
        }

        return TryWriteAnywhere(memory, address, ref source, length, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteGuarded(GuestMemory memory, ulong address, ref byte source, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: the range lies in a mapping that stays while the memory is referenced; the guard recovers from faults.
        byte* to = memory.First.Base + address;
        return IsDone(memory, Guard.CopyIn(to, ref source, (nuint)length), to, length, AccessType.Write, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteShortRestricted(GuestMemory memory, ulong address, ref byte source, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: as for reading.
        ulong done = memory.First.Checked!.WriteShort(memory.First.Base + address, ref source, address, (nuint)length);
        return IsDone(memory, done, length, AccessType.Write, out obstacle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteRestricted(GuestMemory memory, ulong address, ref byte source, ulong length, out CopyObstacle obstacle)
    {
        // SAFETY: as for reading.
        bool copied = memory.First.Checked!.WriteInSection(memory.First.Base + address, ref source, address, (nuint)length);
        obstacle = copied ? Obstacle.DisturbedGate : Obstacle.NotReached;
        return copied && !memory.Gate.AreWritesDisturbed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteAnywhere(GuestMemory memory, ulong address, ref byte source, ulong length, out CopyObstacle obstacle)
    {
        if (!TryFindMapping(memory, address, length, AccessType.Write, out byte* to, out bool direct, out CheckedPath? checkedPath, out ulong offset))
        {
            obstacle = Obstacle.NotReached;
            return false;
        }

        // SAFETY: as above.
        fixed (byte* pinned = &source)
        {
            if (checkedPath is not null)
            {
                ulong done = checkedPath.CopyIn(to, pinned, offset, length);
                return IsDone(memory, done, length, AccessType.Write, out obstacle);
            }

            if (direct || IsWrittenUpwards(to, length))
            {
                return TryCopy(memory, to, pinned, length, direct, AccessType.Write, out obstacle);
            }

            if (Guard.CopiesUpwards(to, pinned, length))
            {
                return IsDone(memory, Guard.CopyUpwards(to, pinned, (nuint)length), to, length, AccessType.Write, out obstacle);
            }

            // What this has written when a page fails is written again by the slow path.
            bool copied = TryCopyUpwards(to, pinned, length, direct: false, mayBlock: false);
            obstacle = copied ? Obstacle.DisturbedGate : Obstacle.NotReached;
            return copied && !memory.Gate.AreWritesDisturbed;
        }
    }

    private static bool TryCopy(
        GuestMemory memory, byte* destination, byte* source, ulong length, bool direct, AccessType access, out CopyObstacle obstacle)
    {
        if (direct)
        {
            // SAFETY: the callers have checked both ranges.
            Buffer.MemoryCopy(source, destination, length, length);
            obstacle = Obstacle.DisturbedGate;
            return memory.Gate.IsCalm(access);
        }

        // SAFETY: likewise; the guard recovers from faults.
        byte* guest = access == AccessType.Write ? destination : source;
        return IsDone(memory, Guard.Copy(destination, source, (nuint)length, mayBlock: false), guest, length, access, out obstacle);
    }

    /// <summary>Copies guarded; where the destination may fault, page by page of it, so that nothing above a fault is written.</summary>
    internal static bool TryCopyUpwards(byte* write, byte* read, ulong length, bool direct, bool mayBlock)
    {
        // SAFETY: the caller has checked both ranges; the guard recovers from faults.
        ulong done = 0;
        while (!direct && !IsWrittenUpwards(write + done, length - done))
        {
            // All that is left at once where the processor keeps the place; else by pages, with transitions, so that a collection need not wait for all of them.
            if (Guard.CopiesUpwards(write + done, read + done, length - done))
            {
                return Guard.CopyUpwards(write + done, read + done, (nuint)(length - done)).Ok;
            }

            ulong piece = PageMath.RestOfPage((ulong)(write + done));
            if (!Guard.Copy(write + done, read + done, (nuint)piece, mayBlock || length > Guard.SuppressedLimit).Ok)
            {
                return false;
            }

            done += piece;
        }

        return Guard.Copy(write + done, read + done, (nuint)(length - done), mayBlock).Ok;
    }

    /// <summary>
    /// Whether nothing above a fault is written by one guarded copy: what lies in one page fails as a whole, and up to <see cref="Guard.AscendingLimit"/> bytes the first
    /// is written first.
    /// </summary>
    private static bool IsWrittenUpwards(byte* to, ulong length) => length <= Guard.AscendingLimit || PageMath.IsInPage((ulong)to, length);

    /// <summary>
    /// Finds a range in the one region that holds all of it, if plain accesses, guarded ones or those of a path under access bitmaps reach it: in the first region, then
    /// by the table.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryFindMapping(
        GuestMemory memory,
        ulong address,
        ulong length,
        AccessType access,
        out byte* at,
        out bool direct,
        out CheckedPath? checkedPath,
        out ulong offset)
    {
        bool write = access == AccessType.Write;
        offset = address;
        at = memory.First.Base + address;
        checkedPath = memory.First.Checked;
        direct = RegionSlot.Fits(write ? memory.FirstWriteBytes : memory.FirstReadBytes, address, length);
        if (direct || RegionSlot.Fits(RegionSlot.BytesBelow(write ? memory.First.StubWrite : memory.First.StubRead), address, length))
        {
            return true;
        }

        ref RegionSlot slot = ref memory.Table.SlotOf(address);
        offset = address - slot.Start;
        at = slot.Base + offset;
        checkedPath = slot.Checked;
        direct = RegionSlot.Fits(RegionSlot.BytesBelow(write ? slot.DirectWrite : slot.DirectRead), offset, length);
        return direct || RegionSlot.Fits(RegionSlot.BytesBelow(write ? slot.StubWrite : slot.StubRead), offset, length);
    }

    /// <summary>Whether a guarded copy was done, and the gate is calm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsDone(GuestMemory memory, GuardedResult result, byte* guest, ulong length, AccessType access, out CopyObstacle obstacle)
    {
        if (result.Ok)
        {
            obstacle = Obstacle.DisturbedGate;
            return memory.Gate.IsCalm(access);
        }

        // The other side may be guest memory as well, or vanish: the slow path finds out.
        obstacle = result.Value - (ulong)guest < length ? (Obstacle)result.Status : Obstacle.NotReached;
        return false;
    }

    /// <summary>Whether a copy under access bitmaps was done, and the gate is calm; where it was done in part, the slow path goes on from there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsDone(GuestMemory memory, ulong done, ulong length, AccessType access, out CopyObstacle obstacle)
    {
        bool calm = memory.Gate.IsCalm(access);
        if (done == length)
        {
            obstacle = Obstacle.DisturbedGate;
            return calm;
        }

        // Where writes are logged, or something was closed, all of it is done again, and told.
        obstacle = new CopyObstacle(Obstacle.NotReached, calm ? done : 0);
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReadOrThrow(GuestMemory memory, ulong address, ref byte destination, ulong length, CopyObstacle obstacle)
    {
        if (!TryReadSlowly(memory, address, ref destination, length, obstacle, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void WriteOrThrow(GuestMemory memory, ulong address, ref byte source, ulong length, CopyObstacle obstacle)
    {
        if (!TryWriteSlowly(memory, address, ref source, length, obstacle, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }
    }

    /// <summary>Reads what a fast path has left to be done. A fault names all of what was asked for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryReadSlowly(
        GuestMemory memory, ulong address, ref byte destination, ulong length, CopyObstacle obstacle, out GuestMemoryFault fault)
    {
        // SAFETY: pinned meanwhile, as above.
        fixed (byte* pinned = &destination)
        {
            if (obstacle.Obstacle == Obstacle.DisturbedGate && (length == 0 || memory.ConfirmRead(address)))
            {
                fault = default;
                return true;
            }

            ulong done = obstacle.Done;
            if (TryReadBytes(memory, address + done, pinned + done, length - done, GuestMemoryOperation.Read, out fault, obstacle.Obstacle))
            {
                return true;
            }

            fault = done == 0 ? fault : fault.As(GuestMemoryOperation.Read, address, length);
            return false;
        }
    }

    /// <summary>Writes what a fast path has left to be done: what was written is not written again, so that nothing above the fault has been.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryWriteSlowly(GuestMemory memory, ulong address, ref byte source, ulong length, CopyObstacle obstacle, out GuestMemoryFault fault)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = &source)
        {
            if (obstacle.Obstacle == Obstacle.DisturbedGate && (length == 0 || memory.ConfirmWrite(address, length)))
            {
                fault = default;
                return true;
            }

            ulong done = obstacle.Done;
            if (done != 0 && memory.Gate.AreWritesDisturbed)
            {
                // Since then. If it was closed, the rest finds out.
                _ = memory.ConfirmWrite(address, done);
            }

            if (TryWriteBytes(memory, address + done, pinned + done, length - done, GuestMemoryOperation.Write, out fault, obstacle.Obstacle))
            {
                return true;
            }

            fault = done == 0 ? fault : fault.As(GuestMemoryOperation.Write, address, length);
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void FillOrThrow(GuestMemory memory, ulong address, ulong length, byte value)
    {
        if (!TryFillSlowly(memory, address, length, value, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryFillSlowly(GuestMemory memory, ulong address, ulong length, byte value, out GuestMemoryFault fault)
    {
        var operation = new FillOperation(value);
        return SlowPath.Access(memory, address, length, ref operation, GuestMemoryOperation.Fill, out fault);
    }

    internal static bool TryReadBytes(
        GuestMemory memory,
        ulong address,
        byte* destination,
        ulong length,
        GuestMemoryOperation name,
        out GuestMemoryFault fault,
        Obstacle obstacle = Obstacle.NotReached)
    {
        var operation = new ReadBytesOperation(destination);
        return SlowPath.Access(memory, address, length, ref operation, name, out fault, obstacle);
    }

    internal static bool TryWriteBytes(
        GuestMemory memory,
        ulong address,
        byte* source,
        ulong length,
        GuestMemoryOperation name,
        out GuestMemoryFault fault,
        Obstacle obstacle = Obstacle.NotReached)
    {
        var operation = new WriteBytesOperation(source);
        return SlowPath.Access(memory, address, length, ref operation, name, out fault, obstacle);
    }
}
