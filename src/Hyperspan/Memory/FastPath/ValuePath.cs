using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// How values are reached: by code that is inlined into callers (the region at address zero, then the table), and what follows where that fails. The slow path goes on
/// from the obstacle that was met: a guarded access that faulted is not repeated (its signal, a matter of microseconds, is handed on), and a disturbed gate is asked about.
/// </summary>
/// <remarks>
/// The shape is for the JIT: one call of each stub and one look at the gate however the memory was found, nothing assigned on the way of a direct access that only a
/// failure needs, jumps where a method of its own for the middle part would have it keep the answer in a register and test it again, and nothing at all that has to
/// survive a call: a register less for the caller's loop is worth more than any instruction here.
/// </remarks>
[SkipLocalsInit]
internal static unsafe class ValuePath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryRead<T>(GuestMemory memory, ulong address, out T value, out Obstacle obstacle)
        where T : unmanaged
    {
        PlainType<T>.Demand();

        // Written out, and not asked of Scalar: decided while the JIT reads the code, so that a value whose address the other branch takes may stay in a register.
        if (sizeof(T) != 1 && sizeof(T) != 2 && sizeof(T) != 4 && sizeof(T) != 8)
        {
            return TryReadBlock(memory, address, out value, out obstacle);
        }

        Unsafe.SkipInit(out value);
        Unsafe.SkipInit(out obstacle);

        // SAFETY: a direct limit is zero unless the bytes below it are mapped, a limit for stubs unless they are reserved for this memory (that they may be missing
        // is what the stubs are for); the mapping stays while the memory is referenced.
        if (address < memory.First.DirectRead)
        {
            value = Scalar.Load<T>(memory.First.Base + address);
            goto Accessed;
        }

        ulong offset;
        byte* at;
        CheckedPath? checkedPath;
        if (address < memory.First.StubRead)
        {
            offset = address;
            at = memory.First.Base + address;
            checkedPath = memory.First.Checked;
        }
        else
        {
            ref RegionSlot slot = ref memory.Table.SlotOf(address);
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

            checkedPath = slot.Checked;
        }

        if (checkedPath is null)
        {
            GuardedResult result = Guard.Load<T>(at);
            value = Scalar.FromBits<T>(result.Value);
            if (!result.Ok)
            {
                obstacle = (Obstacle)result.Status;
                return false;
            }
        }
        else
        {
            if (!Scalar.IsAligned<T>(at))
            {
                goto NotReached;
            }

            GuardedResult result = checkedPath.Load<T>(at, offset);
            value = Scalar.FromBits<T>(result.Value);
            if (!result.Ok)
            {
                goto NotReached;
            }
        }

    Accessed:
        if (!memory.Gate.IsDisturbed)
        {
            return true;
        }

        obstacle = Obstacle.DisturbedGate;
        return false;

    NotReached:
        // Assigned here: left alone, the JIT would carry the value from one turn of a caller's loop to the next.
        value = default;
        obstacle = Obstacle.NotReached;
        return false;
    }

    /// <summary>Reads a value that fits no register, like bytes: what a stub reaches at address zero without another call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryReadBlock<T>(GuestMemory memory, ulong address, out T value, out Obstacle obstacle)
        where T : unmanaged
    {
        Unsafe.SkipInit(out value);

        // SAFETY: as above. By vectors, one or two of them for the most part: the size is a constant.
        ref byte to = ref Unsafe.As<T, byte>(ref value);
        if (sizeof(T) <= ShortCopy.Limit && RegionSlot.Fits(memory.FirstReadBytes, address, (ulong)sizeof(T)))
        {
            ShortCopy.Copy(ref to, ref memory.First.Base[address], (nuint)sizeof(T));
            obstacle = Obstacle.DisturbedGate;
            return !memory.Gate.IsDisturbed;
        }

        if (sizeof(T) <= ShortCopy.Limit && RegionSlot.Fits(RegionSlot.BytesBelow(memory.First.StubRead), address, (ulong)sizeof(T)))
        {
            byte* from = memory.First.Base + address;
            if (memory.First.Checked is not { } checkedPath)
            {
                GuardedResult result = Guard.CopyOut(ref to, from, (nuint)sizeof(T));
                obstacle = result.Ok ? Obstacle.DisturbedGate : (Obstacle)result.Status;
                return result.Ok && !memory.Gate.IsDisturbed;
            }

            // A descriptor, an entry of a table: two words, each under the bit of its page.
            if (sizeof(T) == 2 * sizeof(ulong) && Scalar.IsAligned<ulong>(from))
            {
                GuardedResult first = checkedPath.Load<ulong>(from, address);
                GuardedResult second = checkedPath.Load<ulong>(from + sizeof(ulong), address + sizeof(ulong));
                Unsafe.WriteUnaligned(ref to, first.Value);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, sizeof(ulong)), second.Value);
                obstacle = first.Ok && second.Ok ? Obstacle.DisturbedGate : Obstacle.NotReached;
                return first.Ok && second.Ok && !memory.Gate.IsDisturbed;
            }
        }

        bool read = BytePath.TryRead(memory, address, ref to, (ulong)sizeof(T), out CopyObstacle left);
        obstacle = left.Obstacle;
        return read;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryWrite<T>(GuestMemory memory, ulong address, T value, out Obstacle obstacle)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        if (sizeof(T) != 1 && sizeof(T) != 2 && sizeof(T) != 4 && sizeof(T) != 8)
        {
            return TryWriteBlock(memory, address, ref value, out obstacle);
        }

        Unsafe.SkipInit(out obstacle);

        // SAFETY: as for reading.
        if (address < memory.First.DirectWrite)
        {
            Scalar.Store(memory.First.Base + address, value);
            goto Accessed;
        }

        ulong offset;
        byte* at;
        CheckedPath? checkedPath;
        if (address < memory.First.StubWrite)
        {
            offset = address;
            at = memory.First.Base + address;
            checkedPath = memory.First.Checked;
        }
        else
        {
            ref RegionSlot slot = ref memory.Table.SlotOf(address);
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

            checkedPath = slot.Checked;
        }

        if (checkedPath is null)
        {
            GuardedResult result = Guard.Store(at, value);
            if (!result.Ok)
            {
                obstacle = (Obstacle)result.Status;
                return false;
            }
        }
        else if (!Scalar.IsAligned<T>(at) || !checkedPath.Store(at, offset, value).Ok)
        {
            goto NotReached;
        }

    Accessed:
        if (!memory.Gate.AreWritesDisturbed)
        {
            return true;
        }

        obstacle = Obstacle.DisturbedGate;
        return false;

    NotReached:
        obstacle = Obstacle.NotReached;
        return false;
    }

    /// <summary>Writes a value that fits no register where that cannot fault, at address zero. Elsewhere it is a write of bytes, of which nothing has been done yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryWriteBlock<T>(GuestMemory memory, ulong address, ref T value, out Obstacle obstacle)
        where T : unmanaged
    {
        if (sizeof(T) <= ShortCopy.Limit && RegionSlot.Fits(memory.FirstWriteBytes, address, (ulong)sizeof(T)))
        {
            // SAFETY: as for reading.
            ShortCopy.Copy(ref memory.First.Base[address], ref Unsafe.As<T, byte>(ref value), (nuint)sizeof(T));
            obstacle = Obstacle.DisturbedGate;
            return !memory.Gate.AreWritesDisturbed;
        }

        obstacle = Obstacle.NotReached;
        return false;
    }

    /// <summary>Compares and exchanges in memory that cannot fault, in the region at address zero. An exchange costs more than a call: everything else is behind one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryCompareExchange<T>(GuestMemory memory, ulong address, T value, T comparand, out T original, out Obstacle obstacle)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        if (Scalar.Fits<T>() && address < memory.First.DirectWrite)
        {
            // SAFETY: below the limit, the bytes are in a mapping that cannot fault and stays while the memory is referenced.
            byte* at = memory.First.Base + address;
            if (Scalar.IsAligned<T>(at))
            {
                original = Scalar.CompareExchange(at, value, comparand);
                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.AreWritesDisturbed;
            }
        }

        return TryCompareExchangeMapped(memory, address, value, comparand, out original, out obstacle);
    }

    /// <summary>Compares and exchanges where there is a mapping and no need to ask the backing: by the table of regions, plainly or by a stub.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryCompareExchangeMapped<T>(GuestMemory memory, ulong address, T value, T comparand, out T original, out Obstacle obstacle)
        where T : unmanaged
    {
        if (Scalar.Fits<T>())
        {
            // SAFETY: as for reading a value.
            ulong offset = address;
            byte* at = memory.First.Base + address;
            bool direct = false;
            bool reached = address < memory.First.StubWrite;
            CheckedPath? checkedPath = memory.First.Checked;
            if (!reached)
            {
                ref RegionSlot slot = ref memory.Table.SlotOf(address);
                offset = address - slot.Start;
                at = slot.Base + offset;
                direct = offset < slot.DirectWrite;
                reached = direct || offset < slot.StubWrite;
                checkedPath = slot.Checked;
            }

            if (reached && Scalar.IsAligned<T>(at))
            {
                if (direct)
                {
                    original = Scalar.CompareExchange(at, value, comparand);
                }
                else
                {
                    GuardedResult result = checkedPath is null
                        ? Guard.CompareExchange(at, value, comparand)
                        : checkedPath.CompareExchange(at, offset, value, comparand);
                    original = Scalar.FromBits<T>(result.Value);
                    if (!result.Ok)
                    {
                        obstacle = checkedPath is null ? (Obstacle)result.Status : Obstacle.NotReached;
                        return false;
                    }
                }

                obstacle = Obstacle.DisturbedGate;
                return !memory.Gate.AreWritesDisturbed;
            }
        }

        original = default;
        obstacle = Obstacle.NotReached;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static T ReadOrThrow<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged
    {
        if (!TryReadSlowly(memory, address, obstacle, ref value, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }

        return value;
    }

    /// <summary>Goes on with a write. What a dirty log adds to one is written out here: all else is behind a call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void WriteOrThrow<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged
    {
        if (obstacle != Obstacle.DisturbedGate || !memory.HasLogged(address, (ulong)sizeof(T)))
        {
            WriteUnloggedOrThrow(memory, address, obstacle, value);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteUnloggedOrThrow<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged
    {
        if (obstacle != Obstacle.DisturbedGate || !memory.TryConfirmLogged(address, (ulong)sizeof(T)))
        {
            WriteSlowlyOrThrow(memory, address, obstacle, value);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteSlowlyOrThrow<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged
    {
        if (!TryWriteSlowly(memory, address, obstacle, value, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static T CompareExchangeOrThrow<T>(GuestMemory memory, ulong address, T value, T comparand, T original, Obstacle obstacle)
        where T : unmanaged
    {
        if (!TryCompareExchangeSlowly(memory, address, value, comparand, ref original, obstacle, out GuestMemoryFault fault))
        {
            GuestMemory.Throw(fault);
        }

        return original;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryReadSlowly<T>(GuestMemory memory, ulong address, Obstacle obstacle, ref T value)
        where T : unmanaged => TryReadSlowly(memory, address, obstacle, ref value, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryWriteSlowly<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged =>
        (obstacle == Obstacle.DisturbedGate && memory.HasLogged(address, (ulong)sizeof(T))) || TryWriteSlowlyWithoutReason(memory, address, obstacle, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteSlowlyWithoutReason<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value)
        where T : unmanaged => TryWriteSlowly(memory, address, obstacle, value, out _);

    /// <summary>Goes on with a read after an obstacle.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="obstacle">What kept the inlined path from it.</param>
    /// <param name="value">What the inlined path has read, if the gate is all that was in its way; then the value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryReadSlowly<T>(GuestMemory memory, ulong address, Obstacle obstacle, ref T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (obstacle == Obstacle.DisturbedGate && memory.ConfirmRead(address))
        {
            fault = default;
            return true;
        }

        if (address > memory.LastAddress)
        {
            value = default;
            return memory.PastEnd(GuestMemoryOperation.Read, address, (ulong)sizeof(T), out fault);
        }

        if (Scalar.Fits<T>() && memory.Find(address) is { } region && region.HoldsValue(address, (ulong)sizeof(T)))
        {
            LoadOperation<T> operation = default;
            bool read = SlowPath.Access(memory, address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Read, out fault, obstacle);
            value = read ? operation.Value : default;
            return read;
        }

        // Across regions, or larger than a register: like bytes, of which a copy may have met the obstacle. A value read half is not handed out.
        T buffer;
        bool done = Scalar.Fits<T>()
            ? memory.TryRead(address, &buffer, (ulong)sizeof(T), out fault)
            : BytePath.TryReadSlowly(memory, address, ref *(byte*)&buffer, (ulong)sizeof(T), obstacle, out fault);
        value = done ? buffer : default;
        return done;
    }

    /// <summary>Goes on with a write after an obstacle.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryWriteSlowly<T>(GuestMemory memory, ulong address, Obstacle obstacle, T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (obstacle == Obstacle.DisturbedGate && (memory.HasLogged(address, (ulong)sizeof(T)) || memory.ConfirmWrite(address, (ulong)sizeof(T))))
        {
            fault = default;
            return true;
        }

        if (address > memory.LastAddress)
        {
            return memory.PastEnd(GuestMemoryOperation.Write, address, (ulong)sizeof(T), out fault);
        }

        if (Scalar.Fits<T>() && memory.Find(address) is { } region && region.HoldsValue(address, (ulong)sizeof(T)))
        {
            var operation = new StoreOperation<T>(value);
            return SlowPath.Access(memory, address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.Write, out fault, obstacle);
        }

        return memory.TryWrite(address, &value, (ulong)sizeof(T), out fault);
    }

    /// <summary>Goes on with a compare-exchange after an obstacle; original is that of the paths before, as for reading.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool TryCompareExchangeSlowly<T>(
        GuestMemory memory, ulong address, T value, T comparand, ref T original, Obstacle obstacle, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (obstacle == Obstacle.DisturbedGate && memory.ConfirmWrite(address, (ulong)sizeof(T)))
        {
            fault = default;
            return true;
        }

        var operation = new CompareExchangeOperation<T>(value, comparand);
        bool done = memory.CheckAtomic<T>(address, GuestMemoryOperation.CompareExchange, out fault)
            && SlowPath.Access(memory, address, (ulong)sizeof(T), ref operation, GuestMemoryOperation.CompareExchange, out fault, obstacle);
        original = done ? operation.Original : default;
        return done;
    }
}
