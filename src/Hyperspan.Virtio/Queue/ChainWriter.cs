using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>Writes the device-writable buffers of a chain one after the other, across their borders.</summary>
/// <remarks>
/// Errors are values: a method that returns <see langword="false"/> asked for more than <see cref="Remaining"/> and did nothing, or met the fault in <see cref="Fault"/>;
/// the position is then unspecified.
/// </remarks>
public ref struct ChainWriter : IChainPart
{
    private readonly GuestMemory _memory;
    private ChainCursor _cursor;
    private GuestMemoryFault _fault;

    internal ChainWriter(GuestMemory memory, ReadOnlySpan<ChainSegment> segments, ulong length)
    {
        _memory = memory;
        _cursor = new ChainCursor(segments, length);
    }

    /// <summary>Gets how many bytes are left.</summary>
    public readonly ulong Remaining => _cursor.Remaining;

    /// <summary>Gets the fault that the last failed access met; not a fault where nothing failed or where too few bytes were left.</summary>
    public readonly GuestMemoryFault Fault => _fault;

    /// <summary>Writes bytes and moves past them.</summary>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether all were written.</returns>
    public bool TryWrite(scoped ReadOnlySpan<byte> source)
    {
        if ((ulong)source.Length > Remaining)
        {
            return false;
        }

        while (source.Length > 0)
        {
            int piece = (int)_cursor.Peek((ulong)source.Length, out GuestAddress address);
            if (!_memory.TryWrite(address, source[..piece], out _fault))
            {
                return false;
            }

            _cursor.Advance((uint)piece);
            source = source[piece..];
        }

        return true;
    }

    /// <summary>Writes a value in the byte order of the host and moves past it.</summary>
    /// <typeparam name="T">An unmanaged type without padding; see <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was written.</returns>
    public bool TryWrite<T>(T value)
        where T : unmanaged
    {
        uint size = (uint)Unsafe.SizeOf<T>();
        if (size > Remaining)
        {
            return false;
        }

        if (_cursor.Peek(size, out GuestAddress address) < size)
        {
            // In several buffers: as bytes. This write to nowhere refuses what the other path refuses.
            GuestMemory.Empty.TryWrite(0, value);
            return TryWrite(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));
        }

        if (!_memory.TryWrite(address, value, out _fault))
        {
            return false;
        }

        _cursor.Advance(size);
        return true;
    }

    /// <summary>Writes one byte value many times and moves past it.</summary>
    /// <param name="value">The value.</param>
    /// <param name="length">How many bytes to write.</param>
    /// <returns>Whether all were written.</returns>
    public bool TryFill(byte value, ulong length)
    {
        if (length > Remaining)
        {
            return false;
        }

        while (length > 0)
        {
            uint piece = _cursor.Peek(length, out GuestAddress address);
            if (!_memory.TryFill(address, value, piece, out _fault))
            {
                return false;
            }

            _cursor.Advance(piece);
            length -= piece;
        }

        return true;
    }

    /// <summary>Moves on without writing.</summary>
    /// <param name="length">How many bytes to pass over.</param>
    /// <returns>Whether there were as many.</returns>
    public bool TrySkip(ulong length) => _cursor.TrySkip(length);

    /// <summary>Adds the next buffers to vectors that a file can be read into, and moves past them. Nothing is copied.</summary>
    /// <param name="vectors">Receives the buffers, pinned; made for <see cref="AccessType.Write"/>.</param>
    /// <param name="length">How many bytes at most.</param>
    /// <param name="maxSegments">How many buffers at most.</param>
    /// <param name="gathered">How many bytes were added: fewer where there were more buffers.</param>
    /// <returns>Whether it went well; otherwise the vectors hold a part.</returns>
    /// <exception cref="ArgumentException">The vectors are for the other access.</exception>
    public bool TryGather(GuestIoVectors vectors, ulong length, int maxSegments, out ulong gathered)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        return _cursor.TryGather(_memory, vectors, length, maxSegments, AccessType.Write, out gathered, out _fault);
    }
}
