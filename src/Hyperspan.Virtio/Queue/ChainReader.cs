using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>Reads the device-readable buffers of a chain one after the other, across their borders.</summary>
/// <remarks>
/// Errors are values: a method that returns <see langword="false"/> asked for more than <see cref="Remaining"/> and did nothing, or met the fault in <see cref="Fault"/>;
/// the position is then unspecified. Each byte of guest memory is read once by each call that covers it.
/// </remarks>
public ref struct ChainReader : IChainPart
{
    private readonly GuestMemory _memory;
    private ChainCursor _cursor;
    private GuestMemoryFault _fault;

    internal ChainReader(GuestMemory memory, ReadOnlySpan<ChainSegment> segments, ulong length)
    {
        _memory = memory;
        _cursor = new ChainCursor(segments, length);
    }

    /// <summary>Gets how many bytes are left.</summary>
    public readonly ulong Remaining => _cursor.Remaining;

    /// <summary>Gets the fault that the last failed access met; not a fault where nothing failed or where too few bytes were left.</summary>
    public readonly GuestMemoryFault Fault => _fault;

    /// <summary>Reads bytes and moves past them.</summary>
    /// <param name="destination">Receives the bytes; its length says how many.</param>
    /// <returns>Whether all were read.</returns>
    public bool TryRead(scoped Span<byte> destination)
    {
        if ((ulong)destination.Length > Remaining)
        {
            return false;
        }

        while (destination.Length > 0)
        {
            int piece = (int)_cursor.Peek((ulong)destination.Length, out GuestAddress address);
            if (!_memory.TryRead(address, destination[..piece], out _fault))
            {
                return false;
            }

            _cursor.Advance((uint)piece);
            destination = destination[piece..];
        }

        return true;
    }

    /// <summary>Reads a value in the byte order of the host and moves past it.</summary>
    /// <typeparam name="T">An unmanaged type without padding; see <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was read.</returns>
    public bool TryRead<T>(out T value)
        where T : unmanaged
    {
        uint size = (uint)Unsafe.SizeOf<T>();
        if (size > Remaining)
        {
            value = default;
            return false;
        }

        if (_cursor.Peek(size, out GuestAddress address) < size)
        {
            // In several buffers: as bytes. This read of nothing refuses what the other path refuses.
            GuestMemory.Empty.TryRead(0, out value);
            return TryRead(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        }

        if (!_memory.TryRead(address, out value, out _fault))
        {
            return false;
        }

        _cursor.Advance(size);
        return true;
    }

    /// <summary>Moves on without reading.</summary>
    /// <param name="length">How many bytes to pass over.</param>
    /// <returns>Whether there were as many.</returns>
    public bool TrySkip(ulong length) => _cursor.TrySkip(length);

    /// <summary>Adds the next buffers to vectors that a file can be written from, and moves past them. Nothing is copied.</summary>
    /// <param name="vectors">Receives the buffers, pinned; made for <see cref="AccessType.Read"/>.</param>
    /// <param name="length">How many bytes at most.</param>
    /// <param name="maxSegments">How many buffers at most.</param>
    /// <param name="gathered">How many bytes were added: fewer where there were more buffers.</param>
    /// <returns>Whether it went well; otherwise the vectors hold a part.</returns>
    /// <exception cref="ArgumentException">The vectors are for the other access.</exception>
    public bool TryGather(GuestIoVectors vectors, ulong length, int maxSegments, out ulong gathered)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        return _cursor.TryGather(_memory, vectors, length, maxSegments, AccessType.Read, out gathered, out _fault);
    }
}
