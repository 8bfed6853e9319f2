using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Transfers that can be awaited and cancelled, between guest memory and files or streams.</content>
public sealed partial class GuestMemory
{
    // What is transferred before cancellation is looked at again.
    private const ulong AsyncTransferPiece = 1 << 20;

    /// <summary>Reads from a file into this memory, on a thread of the pool.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="cancellationToken">Ends it between two pieces of a MiB.</param>
    /// <returns>A task that ends when all of it has been read.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public async Task ReadFromAsync(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        (await TryReadFromAsync(address, length, file, fileOffset, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Reads from a file into this memory, on a thread of the pool, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="cancellationToken">Ends it between two pieces of a MiB.</param>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public Task<FileTransfer> TryReadFromAsync(
        GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        return TransferInPieces(address, length, AccessType.Write, new FileEnd(file, null, (ulong)fileOffset), cancellationToken);
    }

    /// <summary>Writes this memory to a file, on a thread of the pool.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="cancellationToken">Ends it between two pieces of a MiB.</param>
    /// <returns>A task that ends when all of it has been written.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task WriteToAsync(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        (await TryWriteToAsync(address, length, file, fileOffset, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Writes this memory to a file, on a thread of the pool, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="cancellationToken">Ends it between two pieces of a MiB.</param>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public Task<FileTransfer> TryWriteToAsync(
        GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        return TransferInPieces(address, length, AccessType.Read, new FileEnd(file, null, (ulong)fileOffset), cancellationToken);
    }

    /// <summary>Reads from a stream into this memory until the range is full.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been read.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The stream ended first.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public async Task ReadFromAsync(GuestAddress address, ulong length, Stream source, CancellationToken cancellationToken = default) =>
        (await TryReadFromAsync(address, length, source, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Reads from a stream into this memory until the range is full, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How it ended. Bytes that were taken from the stream but could not be written are lost; the count says how many were written.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public async Task<FileTransfer> TryReadFromAsync(GuestAddress address, ulong length, Stream source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!CheckRange(address.Value, length, GuestMemoryOperation.Write, out GuestMemoryFault fault))
        {
            return new FileTransfer(0, length, 0, EndOfFile: false, fault);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(PooledTransfer);
        try
        {
            for (ulong done = 0; done < length;)
            {
                int got = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min((uint)buffer.Length, length - done)), cancellationToken).ConfigureAwait(false);
                if (got == 0)
                {
                    return new FileTransfer(done, length, 0, EndOfFile: true, default);
                }

                if (!TryWrite(address + done, buffer.AsSpan(0, got), out fault))
                {
                    ulong written = fault.Address is { } at ? at - (address + done) : 0;
                    return new FileTransfer(done + written, length, 0, EndOfFile: false, fault.As(GuestMemoryOperation.Write, address.Value, length));
                }

                done += (ulong)got;
            }

            return new FileTransfer(length, length, 0, EndOfFile: false, default);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes this memory to a stream.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been written.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task WriteToAsync(GuestAddress address, ulong length, Stream destination, CancellationToken cancellationToken = default) =>
        (await TryWriteToAsync(address, length, destination, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Writes this memory to a stream, up to the first byte that cannot be read, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How it ended, with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task<FileTransfer> TryWriteToAsync(GuestAddress address, ulong length, Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (!CheckRange(address.Value, length, GuestMemoryOperation.Read, out GuestMemoryFault fault))
        {
            return new FileTransfer(0, length, 0, EndOfFile: false, fault);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(PooledTransfer);
        try
        {
            for (ulong done = 0; done < length;)
            {
                int got = ReadAvailable(address + done, buffer.AsSpan(0, (int)Math.Min((uint)buffer.Length, length - done)), out fault);
                await destination.WriteAsync(buffer.AsMemory(0, got), cancellationToken).ConfigureAwait(false);
                done += (ulong)got;
                if (fault.IsFault)
                {
                    return new FileTransfer(done, length, 0, EndOfFile: false, fault.As(GuestMemoryOperation.Read, address.Value, length));
                }
            }

            return new FileTransfer(length, length, 0, EndOfFile: false, default);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private Task<FileTransfer> TransferInPieces(
        GuestAddress address, ulong length, AccessType access, FileEnd file, CancellationToken cancellationToken)
    {
        GuestMemoryOperation name = access == AccessType.Write ? GuestMemoryOperation.Write : GuestMemoryOperation.Read;
        return CheckRange(address.Value, length, name, out GuestMemoryFault fault)
            ? Task.Run(Pieces, cancellationToken)
            : Task.FromResult(new FileTransfer(0, length, 0, EndOfFile: false, fault));

        FileTransfer Pieces()
        {
            for (ulong done = 0; done < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                FileTransfer moved = Transfer(address.Value + done, Math.Min(AsyncTransferPiece, length - done), access, file with { Offset = file.Offset + done });
                done += moved.Transferred;
                if (!moved.Succeeded)
                {
                    GuestMemoryFault met = moved.Fault.IsFault ? moved.Fault.As(name, address.Value, length) : default;
                    return moved with { Transferred = done, Requested = length, Fault = met };
                }
            }

            return new FileTransfer(length, length, 0, EndOfFile: false, default);
        }
    }
}
