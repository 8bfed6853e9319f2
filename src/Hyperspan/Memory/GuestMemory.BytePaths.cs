using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>How bytes are reached: straight through where nothing can fault, by one guarded copy where it can, by the general path otherwise.</content>
/// <remarks>
/// The inlined part is a check of the range, the copy and the question whether the memory is still open. It makes no fault: the callers that need one get it from the
/// general path, which starts over. Answers are returned as constants: a computed one would be kept in a register and tested again by the caller. That is right for a write as well: what was written to memory that turns out to be closed is seen by nobody.
/// </remarks>
public sealed unsafe partial class GuestMemory
{
    // What TryReadGuarded and TryWriteGuarded answer where the general path has everything to do.
    private const int NotTried = -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadInline(ulong address, Span<byte> destination)
    {
        ulong length = (uint)destination.Length;
        ulong limit = _directReadBytes;
        if (length > limit || address > limit - length)
        {
            return false;
        }

        // SAFETY: the range lies in the region at address zero, whose mapping cannot fault and stays while this object is referenced.
        fixed (byte* pinned = &MemoryMarshal.GetReference(destination))
        {
            NativeMemory.Copy(_base + address, pinned, (nuint)length);
        }

        if (!_gate.IsDisturbed || IsOpenAt(address))
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryWriteInline(ulong address, ReadOnlySpan<byte> source)
    {
        ulong length = (uint)source.Length;
        ulong limit = _directWriteBytes;
        if (length > limit || address > limit - length)
        {
            return false;
        }

        // SAFETY: as for reading.
        fixed (byte* pinned = &MemoryMarshal.GetReference(source))
        {
            NativeMemory.Copy(pinned, _base + address, (nuint)length);
        }

        if (!_gate.IsDisturbed || IsOpenAt(address))
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFillInline(ulong address, ulong length, byte value)
    {
        ulong limit = _directWriteBytes;
        if (length > limit || address > limit - length)
        {
            return false;
        }

        // SAFETY: as for reading.
        NativeMemory.Fill(_base + address, (nuint)length, value);
        if (!_gate.IsDisturbed || IsOpenAt(address))
        {
            return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReadOrThrow(ulong address, Span<byte> destination)
    {
        // SAFETY: pinned meanwhile; a guarded copy may let the garbage collector move things.
        fixed (byte* pinned = destination)
        {
            int signal = TryReadGuarded(address, pinned, (uint)destination.Length);
            if (signal != 0 && !TryReadBytes(address, pinned, (uint)destination.Length, GuestMemoryOperation.Read, out GuestMemoryFault fault, signal))
            {
                Throw(fault);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadGeneral(ulong address, Span<byte> destination, out GuestMemoryFault fault)
    {
        // SAFETY: as above.
        fixed (byte* pinned = destination)
        {
            int signal = TryReadGuarded(address, pinned, (uint)destination.Length);
            fault = default;
            return signal == 0 || TryReadBytes(address, pinned, (uint)destination.Length, GuestMemoryOperation.Read, out fault, signal);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteOrThrow(ulong address, ReadOnlySpan<byte> source)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = source)
        {
            int signal = TryWriteGuarded(address, pinned, (uint)source.Length);
            if (signal != 0 && !TryWriteBytes(address, pinned, (uint)source.Length, GuestMemoryOperation.Write, out GuestMemoryFault fault, signal))
            {
                Throw(fault);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteGeneral(ulong address, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = source)
        {
            int signal = TryWriteGuarded(address, pinned, (uint)source.Length);
            fault = default;
            return signal == 0 || TryWriteBytes(address, pinned, (uint)source.Length, GuestMemoryOperation.Write, out fault, signal);
        }
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
        return Access(address, length, ref operation, GuestMemoryOperation.Fill, out fault);
    }

    private bool TryReadMemory(ulong address, byte* destination, ulong length, out GuestMemoryFault fault)
    {
        ulong limit = _directReadBytes;
        if (length <= limit && address <= limit - length)
        {
            // SAFETY: as above; the destination is the caller's.
            Buffer.MemoryCopy(_base + address, destination, length, length);
            if (!_gate.IsDisturbed || IsOpenAt(address))
            {
                fault = default;
                return true;
            }
        }

        int signal = TryReadGuarded(address, destination, length);
        fault = default;
        return signal == 0 || TryReadBytes(address, destination, length, GuestMemoryOperation.Read, out fault, signal);
    }

    private bool TryWriteMemory(ulong address, byte* source, ulong length, out GuestMemoryFault fault)
    {
        ulong limit = _directWriteBytes;
        if (length <= limit && address <= limit - length)
        {
            // SAFETY: as above; the source is the caller's.
            Buffer.MemoryCopy(source, _base + address, length, length);
            if (!_gate.IsDisturbed || IsOpenAt(address))
            {
                fault = default;
                return true;
            }
        }

        int signal = TryWriteGuarded(address, source, length);
        fault = default;
        return signal == 0 || TryWriteBytes(address, source, length, GuestMemoryOperation.Write, out fault, signal);
    }

    /// <summary>
    /// Reads by one guarded copy where the range lies in the region at address zero and that is guarded. The answer is zero if that was all, a signal if it
    /// faulted, and otherwise NotTried.
    /// </summary>
    private int TryReadGuarded(ulong address, byte* destination, ulong length)
    {
        ulong limit = GuardedBytes(_guardedRead);
        return length <= limit && address <= limit - length
            ? Outcome(Guard.Copy(destination, _base + address, (nuint)length, mayBlock: false), address, length)
            : NotTried;
    }

    private int TryWriteGuarded(ulong address, byte* source, ulong length)
    {
        ulong limit = GuardedBytes(_guardedWrite);
        return length <= limit && address <= limit - length
            ? Outcome(Guard.Copy(_base + address, source, (nuint)length, mayBlock: false), address, length)
            : NotTried;
    }

    private int Outcome(GuardedResult result, ulong address, ulong length) =>
        !result.Ok ? result.Value - (ulong)(_base + address) < length ? (int)result.Status : NotTried
        : !_gate.IsDisturbed || IsOpenAt(address) ? 0
        : NotTried;

    /// <summary>The length of a region, from the limit for scalars: seven more.</summary>
    private static ulong GuardedBytes(ulong limit) => limit == 0 ? 0 : limit + 7;

    internal bool TryReadBytes(
        ulong address, byte* destination, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault, int signal = NotTried)
    {
        var operation = new ReadBytesOperation(destination);
        return Access(address, length, ref operation, name, out fault, Math.Max(signal, 0));
    }

    internal bool TryWriteBytes(
        ulong address, byte* source, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault, int signal = NotTried)
    {
        var operation = new WriteBytesOperation(source);
        return Access(address, length, ref operation, name, out fault, Math.Max(signal, 0));
    }
}
