using System.Diagnostics.CodeAnalysis;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <content>Reading and writing.</content>
public sealed partial class GuestMemoryStream
{
    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        RequireReadable();
        int length = (int)Math.Min((ulong)buffer.Length, Remaining);
        if (length == 0)
        {
            return 0;
        }

        if (!_memory.TryRead(_range.Start + _position, buffer[..length], out GuestMemoryFault fault))
        {
            throw Failed(fault.ToException());
        }

        _position += (ulong)length;
        return length;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        byte value = 0;
        return Read(new Span<byte>(ref value)) == 0 ? -1 : value;
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if ((_access & FileAccess.Write) == 0)
        {
            throw new NotSupportedException("The stream was made for reading only.");
        }

        if (buffer.IsEmpty)
        {
            return;
        }

        if ((ulong)buffer.Length > Remaining)
        {
            throw Failed(StreamingFault.OutOfRange((ulong)buffer.Length, Remaining).ToException());
        }

        if (!_memory.TryWrite(_range.Start + _position, buffer, out GuestMemoryFault fault))
        {
            throw Failed(fault.ToException());
        }

        _position += (ulong)buffer.Length;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override void WriteByte(byte value) => Write(new ReadOnlySpan<byte>(in value));

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1031", Justification = "It is not swallowed: it ends up in the task.")]
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        try
        {
            return ValueTask.FromResult(Read(buffer.Span));
        }
        catch (Exception e)
        {
            return ValueTask.FromException<int>(e);
        }
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1031", Justification = "It is not swallowed: it ends up in the task.")]
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        try
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }
        catch (Exception e)
        {
            return ValueTask.FromException(e);
        }
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    private void RequireReadable()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if ((_access & FileAccess.Read) == 0)
        {
            throw new NotSupportedException("The stream was made for writing only.");
        }
    }
}
