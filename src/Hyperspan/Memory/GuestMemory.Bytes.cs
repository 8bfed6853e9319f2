using System.Runtime.InteropServices;

namespace Hyperspan;

/// <content>Bytes: read, write, fill, zero.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads bytes into a span.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">
    /// Receives the bytes: all of them, or an unspecified part of them where the read fails. It may be memory that other threads, the guest or the kernel change.
    /// </param>
    /// <exception cref="GuestMemoryException">Not all of the range could be read.</exception>
    public void Read(GuestAddress address, Span<byte> destination)
    {
        if (!TryRead(address, destination, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Reads bytes into a span; see <see cref="Read(GuestAddress, Span{byte})"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(GuestAddress address, Span<byte> destination) => TryRead(address, destination, out _);

    /// <summary>Reads bytes into a span and says why where it cannot; see <see cref="Read(GuestAddress, Span{byte})"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(GuestAddress address, Span<byte> destination, out GuestMemoryFault fault)
    {
        ulong at = address.Value;
        ulong length = (ulong)destination.Length;
        ulong limit = _directReadBytes;
        if (length <= limit && at <= limit - length)
        {
            // SAFETY: the range lies in the region at address zero, whose mapping cannot fault and stays while this object is referenced.
            new ReadOnlySpan<byte>(_base + at, destination.Length).CopyTo(destination);
            if (!_gate.IsDisturbed)
            {
                fault = default;
                return true;
            }

            return Confirm(at, length, GuestMemoryOperation.Read, out fault);
        }

        // SAFETY: pinned meanwhile; a guarded copy may let the garbage collector move things.
        fixed (byte* pinned = destination)
        {
            return TryReadBytes(at, pinned, length, GuestMemoryOperation.Read, out fault);
        }
    }

    /// <summary>Reads bytes into memory outside the garbage-collected heap.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be read.</exception>
    public void Read(GuestAddress address, void* destination, ulong length)
    {
        if (!TryReadBytes(address.Value, (byte*)destination, length, GuestMemoryOperation.Read, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Reads bytes into memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(GuestAddress address, void* destination, ulong length, out GuestMemoryFault fault) =>
        TryReadBytes(address.Value, (byte*)destination, length, GuestMemoryOperation.Read, out fault);

    /// <summary>Writes bytes.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes. It may be memory that others change meanwhile: each byte is read once or more, and what is written is one of the values it had.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Write(GuestAddress address, ReadOnlySpan<byte> source)
    {
        if (!TryWrite(address, source, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Writes bytes; see <see cref="Write(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(GuestAddress address, ReadOnlySpan<byte> source) => TryWrite(address, source, out _);

    /// <summary>Writes bytes and says why where it cannot; see <see cref="Write(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(GuestAddress address, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        ulong at = address.Value;
        ulong length = (ulong)source.Length;
        ulong limit = _directWriteBytes;
        if (length <= limit && at <= limit - length)
        {
            // SAFETY: as for reading.
            source.CopyTo(new Span<byte>(_base + at, source.Length));
            if (!_gate.IsDisturbed)
            {
                fault = default;
                return true;
            }

            return Confirm(at, length, GuestMemoryOperation.Write, out fault);
        }

        // SAFETY: as for reading.
        fixed (byte* pinned = source)
        {
            return TryWriteBytes(at, pinned, length, GuestMemoryOperation.Write, out fault);
        }
    }

    /// <summary>Writes bytes from memory outside the garbage-collected heap.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Write(GuestAddress address, void* source, ulong length)
    {
        if (!TryWriteBytes(address.Value, (byte*)source, length, GuestMemoryOperation.Write, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Writes bytes from memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(GuestAddress address, void* source, ulong length, out GuestMemoryFault fault) =>
        TryWriteBytes(address.Value, (byte*)source, length, GuestMemoryOperation.Write, out fault);

    /// <summary>Fills a range with one byte value.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Fill(GuestAddress address, ulong length, byte value)
    {
        if (!TryFill(address, length, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Fills a range with one byte value. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryFill(GuestAddress address, ulong length, byte value) => TryFill(address, length, value, out _);

    /// <summary>Fills a range with one byte value and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryFill(GuestAddress address, ulong length, byte value, out GuestMemoryFault fault)
    {
        ulong at = address.Value;
        ulong limit = _directWriteBytes;
        if (length <= limit && at <= limit - length)
        {
            // SAFETY: as for reading.
            NativeMemory.Fill(_base + at, (nuint)length, value);
            if (!_gate.IsDisturbed)
            {
                fault = default;
                return true;
            }

            return Confirm(at, length, GuestMemoryOperation.Fill, out fault);
        }

        var operation = new FillOperation(value);
        return Access(at, length, ref operation, GuestMemoryOperation.Fill, out fault);
    }

    /// <summary>Fills a range with zeros.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Zero(GuestAddress address, ulong length) => Fill(address, length, 0);

    /// <summary>Fills a range with zeros. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryZero(GuestAddress address, ulong length) => TryFill(address, length, 0, out _);

    /// <summary>Fills a range with zeros and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryZero(GuestAddress address, ulong length, out GuestMemoryFault fault) => TryFill(address, length, 0, out fault);

    internal bool TryReadBytes(ulong address, byte* destination, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        var operation = new ReadBytesOperation(destination);
        return Access(address, length, ref operation, name, out fault);
    }

    internal bool TryWriteBytes(ulong address, byte* source, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        var operation = new WriteBytesOperation(source);
        return Access(address, length, ref operation, name, out fault);
    }
}
