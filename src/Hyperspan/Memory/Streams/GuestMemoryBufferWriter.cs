using System.Buffers;
using System.Diagnostics;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <summary>Lets serializers that write to an <see cref="IBufferWriter{T}"/> write to guest memory: into a buffer of this process, from there to the guest.</summary>
/// <remarks>
/// <para>
/// What has been advanced over is in the guest only after <see cref="Flush"/>. The buffer is flushed by itself where a serializer asks for more room than is left
/// in it, so that <see cref="GetSpan"/> and <see cref="GetMemory"/> throw what <see cref="Flush"/> throws. <see cref="Dispose"/> does not flush: what was not flushed
/// is dropped, so that an exception on the way does not send half an answer.
/// </para>
/// <para>
/// A flush that fails leaves everything as it was, to be tried again; some of its bytes may have been written. A buffer that <see cref="GetSpan"/> gave
/// may be larger than what is left to write to; only <see cref="Advance"/> is held to that. A class, because an <see cref="IBufferWriter{T}"/> is kept by
/// serializers; hence it takes the places to write to, not a sequential writer. Not safe for use from several threads at once.
/// </para>
/// </remarks>
[DebuggerDisplay("{Flushed} of {Capacity} bytes written, {Buffered} more buffered")]
public sealed class GuestMemoryBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int DefaultBufferSize = 4096;

    private readonly GuestMemory _memory;
    private readonly ReadOnlyMemory<PagedRangeBuffer> _pages;
    private readonly GuestRange _range;
    private readonly bool _paged;
    private byte[]? _buffer;

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryBufferWriter"/> class over a range.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte to write.</param>
    /// <param name="length">How many bytes can be written.</param>
    /// <param name="bufferSize">The least size in bytes of the buffer, which comes from the shared pool.</param>
    /// <exception cref="ArgumentException">The range leaves 2^64.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bufferSize"/> is not positive.</exception>
    public GuestMemoryBufferWriter(GuestMemory memory, GuestAddress address, ulong length, int bufferSize = DefaultBufferSize)
        : this(memory, new GuestRange(address, length), bufferSize)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryBufferWriter"/> class over a range.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    /// <param name="bufferSize">The least size in bytes of the buffer, which comes from the shared pool.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bufferSize"/> is not positive.</exception>
    public GuestMemoryBufferWriter(GuestMemory memory, GuestRange range, int bufferSize = DefaultBufferSize)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferSize);
        _memory = memory;
        _range = range;
        Capacity = range.Length;
        _buffer = ArrayPool<byte>.Shared.Rent(bufferSize);
    }

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryBufferWriter"/> class over a list of paged ranges.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="ranges">Where to write in it.</param>
    /// <param name="bufferSize">The least size in bytes of the buffer, which comes from the shared pool.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bufferSize"/> is not positive.</exception>
    public GuestMemoryBufferWriter(GuestMemory memory, ReadOnlyMemory<PagedRangeBuffer> ranges, int bufferSize = DefaultBufferSize)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferSize);
        _memory = memory;
        _pages = ranges;
        _paged = true;
        Capacity = new PagedRange(ranges.Span).Length;
        _buffer = ArrayPool<byte>.Shared.Rent(bufferSize);
    }

    /// <summary>Gets the number of bytes that can be written in all.</summary>
    public ulong Capacity { get; }

    /// <summary>Gets the number of bytes that have been flushed.</summary>
    public ulong Flushed { get; private set; }

    /// <summary>Gets the number of bytes that have been advanced over but not flushed.</summary>
    public int Buffered { get; private set; }

    /// <summary>Gets the number of bytes that can still be advanced over.</summary>
    public ulong Remaining => Capacity - Flushed - (ulong)Buffered;

    /// <summary>Takes bytes that were written to what <see cref="GetSpan"/> or <see cref="GetMemory"/> gave last.</summary>
    /// <param name="count">The number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">There were not as many bytes given.</exception>
    /// <exception cref="MemoryStreamingException">There is not as much left to write to; none of the bytes are taken.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Advance(int count)
    {
        byte[] buffer = RequireOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > buffer.Length - Buffered)
        {
            throw new InvalidOperationException($"{count} bytes were advanced over, of a buffer of {buffer.Length - Buffered}.");
        }

        if ((ulong)count > Remaining)
        {
            StreamingSteps.Throw(StreamingFault.OutOfRange((ulong)count, Remaining));
        }

        Buffered += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        byte[] buffer = MakeRoom(sizeHint);
        return buffer.AsMemory(Buffered);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        byte[] buffer = MakeRoom(sizeHint);
        return buffer.AsSpan(Buffered);
    }

    /// <summary>Writes what has been advanced over to the guest.</summary>
    /// <exception cref="MemoryStreamingException">Not all of it could be written.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Flush()
    {
        if (!TryFlush(out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Writes what has been advanced over to the guest and says why where it cannot.</summary>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public bool TryFlush(out StreamingFault fault)
    {
        ReadOnlySpan<byte> bytes = RequireOpen().AsSpan(0, Buffered);
        fault = default;
        if (bytes.IsEmpty)
        {
            return true;
        }

        bool written = _paged
            ? _memory.TryWrite(new PagedRange(_pages.Span).Slice(Flushed, (ulong)bytes.Length), bytes, out GuestMemoryFault memoryFault)
            : _memory.TryWrite(_range.Start + Flushed, bytes, out memoryFault);
        if (!written)
        {
            fault = StreamingFault.Memory(memoryFault, (ulong)bytes.Length, Capacity - Flushed);
            return false;
        }

        Flushed += (ulong)Buffered;
        Buffered = 0;
        return true;
    }

    /// <summary>Gives the buffer back. What was not flushed is dropped. Idempotent.</summary>
    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private byte[] RequireOpen()
    {
        ObjectDisposedException.ThrowIf(_buffer is null, this);
        return _buffer;
    }

    private byte[] MakeRoom(int sizeHint)
    {
        byte[] buffer = RequireOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        int wanted = Math.Max(sizeHint, 1);
        if (wanted <= buffer.Length - Buffered)
        {
            return buffer;
        }

        Flush();
        if (wanted > buffer.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(wanted);
            _buffer = larger;
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }

        return buffer;
    }
}
