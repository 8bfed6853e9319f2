using System.Runtime.CompilerServices;
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Read(GuestAddress address, Span<byte> destination)
    {
        if (!BytePath.TryReadShort(this, address.Value, destination)
            && !BytePath.TryRead(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, out CopyObstacle obstacle))
        {
            BytePath.ReadOrThrow(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, obstacle);
        }
    }

    /// <summary>Reads bytes into a span; see <see cref="Read(GuestAddress, Span{byte})"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>Whether all of them were read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead(GuestAddress address, Span<byte> destination) =>
        BytePath.TryReadShort(this, address.Value, destination)
        || BytePath.TryRead(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, out CopyObstacle obstacle)
        || BytePath.TryReadSlowly(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, obstacle, out _);

    /// <summary>
    /// Reads bytes into a span and says why where it cannot; see <see cref="Read(GuestAddress, Span{byte})"/>. Neither throws nor allocates when memory cannot be read.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead(GuestAddress address, Span<byte> destination, out GuestMemoryFault fault)
    {
        if (BytePath.TryReadShort(this, address.Value, destination)
            || BytePath.TryRead(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, out CopyObstacle obstacle))
        {
            fault = default;
            return true;
        }

        return BytePath.TryReadSlowly(this, address.Value, ref MemoryMarshal.GetReference(destination), (uint)destination.Length, obstacle, out fault);
    }

    /// <summary>Reads bytes into memory outside the garbage-collected heap.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be read.</exception>
    public void Read(GuestAddress address, void* destination, ulong length)
    {
        if (!BytePath.TryRead(this, address.Value, ref *(byte*)destination, length, out CopyObstacle obstacle))
        {
            BytePath.ReadOrThrow(this, address.Value, ref *(byte*)destination, length, obstacle);
        }
    }

    /// <summary>Reads bytes into memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(GuestAddress address, void* destination, ulong length, out GuestMemoryFault fault)
    {
        if (BytePath.TryRead(this, address.Value, ref *(byte*)destination, length, out CopyObstacle obstacle))
        {
            fault = default;
            return true;
        }

        return BytePath.TryReadSlowly(this, address.Value, ref *(byte*)destination, length, obstacle, out fault);
    }

    /// <summary>Writes bytes.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">
    /// The bytes. It may be memory that others change meanwhile: each byte is read once or more, and what is written is one of the values it had.
    /// </param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(GuestAddress address, ReadOnlySpan<byte> source)
    {
        if (!BytePath.TryWriteShort(this, address.Value, source)
            && !BytePath.TryWrite(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, out CopyObstacle obstacle))
        {
            BytePath.WriteOrThrow(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, obstacle);
        }
    }

    /// <summary>Writes bytes; see <see cref="Write(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether all of them were written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite(GuestAddress address, ReadOnlySpan<byte> source) =>
        BytePath.TryWriteShort(this, address.Value, source)
        || BytePath.TryWrite(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, out CopyObstacle obstacle)
        || BytePath.TryWriteSlowly(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, obstacle, out _);

    /// <summary>
    /// Writes bytes and says why where it cannot; see <see cref="Write(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite(GuestAddress address, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        if (BytePath.TryWriteShort(this, address.Value, source)
            || BytePath.TryWrite(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, out CopyObstacle obstacle))
        {
            fault = default;
            return true;
        }

        return BytePath.TryWriteSlowly(this, address.Value, ref MemoryMarshal.GetReference(source), (uint)source.Length, obstacle, out fault);
    }

    /// <summary>Writes bytes from memory outside the garbage-collected heap.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Write(GuestAddress address, void* source, ulong length)
    {
        if (!BytePath.TryWrite(this, address.Value, ref *(byte*)source, length, out CopyObstacle obstacle))
        {
            BytePath.WriteOrThrow(this, address.Value, ref *(byte*)source, length, obstacle);
        }
    }

    /// <summary>Writes bytes from memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(GuestAddress address, void* source, ulong length, out GuestMemoryFault fault)
    {
        if (BytePath.TryWrite(this, address.Value, ref *(byte*)source, length, out CopyObstacle obstacle))
        {
            fault = default;
            return true;
        }

        return BytePath.TryWriteSlowly(this, address.Value, ref *(byte*)source, length, obstacle, out fault);
    }

    /// <summary>Fills a range with one byte value.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="value">The value.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fill(GuestAddress address, byte value, ulong length)
    {
        if (!BytePath.TryFillDirect(this, address.Value, length, value))
        {
            BytePath.FillOrThrow(this, address.Value, length, value);
        }
    }

    /// <summary>Fills a range with one byte value. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="value">The value.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>Whether all of it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFill(GuestAddress address, byte value, ulong length) =>
        BytePath.TryFillDirect(this, address.Value, length, value) || BytePath.TryFillSlowly(this, address.Value, length, value, out _);

    /// <summary>Fills a range with one byte value and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="value">The value.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFill(GuestAddress address, byte value, ulong length, out GuestMemoryFault fault)
    {
        if (BytePath.TryFillDirect(this, address.Value, length, value))
        {
            fault = default;
            return true;
        }

        return BytePath.TryFillSlowly(this, address.Value, length, value, out fault);
    }

    /// <summary>Fills a range with zeros.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be written; bytes below the fault's address may have been.</exception>
    public void Clear(GuestAddress address, ulong length) => Fill(address, 0, length);

    /// <summary>Fills a range with zeros. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryClear(GuestAddress address, ulong length) => TryFill(address, 0, length);

    /// <summary>Fills a range with zeros and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryClear(GuestAddress address, ulong length, out GuestMemoryFault fault) => TryFill(address, 0, length, out fault);
}
