using System.Diagnostics;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <summary>A range of guest memory as a <see cref="Stream"/> of fixed length that can be read, written and seeked.</summary>
/// <remarks>
/// <para>
/// A read or write does all of its bytes, or fails with an <see cref="IOException"/> whose inner exception is the <see cref="GuestMemoryException"/>, and leaves the
/// position where it was; a part of the bytes may have been transferred. At the end of the range a read gives 0. A write that does not fit before it
/// writes nothing and fails with an <see cref="IOException"/> whose inner exception is a <see cref="MemoryStreamingException"/>.
/// </para>
/// <para>
/// Nothing is buffered: what is written is in the memory at once, and what the guest changes is seen by the next read. The asynchronous methods
/// complete before they return, on the calling thread, also where a page-fault handler of the backing blocks.
/// Disposing the stream leaves the memory open. Not safe for use from several threads at once.
/// </para>
/// </remarks>
[DebuggerDisplay("{_range} at {_position}")]
public sealed partial class GuestMemoryStream : Stream
{
    private readonly GuestMemory _memory;
    private readonly GuestRange _range;
    private readonly FileAccess _access;
    private ulong _position;
    private bool _closed;

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryStream"/> class.</summary>
    /// <param name="memory">The memory. That the range is memory at all is found out by the accesses.</param>
    /// <param name="address">The guest-physical address of the first byte, which is the position zero.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="access">Whether the stream can be read, written, or both.</param>
    /// <exception cref="ArgumentException">The range leaves 2^64, or is longer than a stream can be, 2^63 - 1 bytes.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="access"/> is none of the three.</exception>
    public GuestMemoryStream(GuestMemory memory, GuestAddress address, ulong length, FileAccess access = FileAccess.ReadWrite)
        : this(memory, new GuestRange(address, length), access, nameof(length))
    {
    }

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryStream"/> class.</summary>
    /// <param name="memory">The memory. That the range is memory at all is found out by the accesses.</param>
    /// <param name="range">What part of it. The position zero is its first byte.</param>
    /// <param name="access">Whether the stream can be read, written, or both.</param>
    /// <exception cref="ArgumentException">The range is longer than a stream can be, 2^63 - 1 bytes.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="access"/> is none of the three.</exception>
    public GuestMemoryStream(GuestMemory memory, GuestRange range, FileAccess access = FileAccess.ReadWrite)
        : this(memory, range, access, nameof(range))
    {
    }

    private GuestMemoryStream(GuestMemory memory, GuestRange range, FileAccess access, string length)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (range.Length > long.MaxValue)
        {
            throw new ArgumentException($"The range {range} is longer than a stream can be.", length);
        }

        if (access is not (FileAccess.Read or FileAccess.Write or FileAccess.ReadWrite))
        {
            throw new ArgumentOutOfRangeException(nameof(access), access, "Read, write or both.");
        }

        _memory = memory;
        _range = range;
        _access = access;
    }

    /// <inheritdoc/>
    public override bool CanRead => !_closed && (_access & FileAccess.Read) != 0;

    /// <inheritdoc/>
    public override bool CanWrite => !_closed && (_access & FileAccess.Write) != 0;

    /// <inheritdoc/>
    public override bool CanSeek => !_closed;

    /// <inheritdoc/>
    public override long Length
    {
        get
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            return (long)_range.Length;
        }
    }

    /// <summary>Gets or sets the position in bytes from the start of the range. It may be past the end; there, reads give 0 and writes fail.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    public override long Position
    {
        get
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            return (long)_position;
        }

        set
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = (ulong)value;
        }
    }

    /// <summary>Gets the number of bytes from the position to the end.</summary>
    private ulong Remaining => _position < _range.Length ? _range.Length - _position : 0;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        Int128 start = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => _position,
            SeekOrigin.End => _range.Length,
            _ => throw new ArgumentOutOfRangeException(nameof(origin), origin, "Begin, current or end."),
        };
        Int128 position = start + offset;
        if (position < 0)
        {
            throw new IOException("An attempt was made to seek before the start of the range.");
        }

        if (position > long.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset, "The position would be past 2^63 - 1.");
        }

        _position = (ulong)position;
        return (long)position;
    }

    /// <summary>Not supported: the range has a fixed length.</summary>
    /// <param name="value">Ignored.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw new NotSupportedException("A range of guest memory has a fixed length.");

    /// <summary>Does nothing: nothing is buffered.</summary>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _closed = true;
        base.Dispose(disposing);
    }

    private static IOException Failed(Exception cause) => new(cause.Message, cause);
}
