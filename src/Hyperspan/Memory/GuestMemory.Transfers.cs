using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Transfers between files, sockets or streams and guest memory.</content>
public sealed partial class GuestMemory
{
    /// <summary>Reads from a file into this memory, without a copy where the memory can be pinned.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TryReadFrom(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public void ReadFrom(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset)
    {
        _ = TryReadFrom(address, length, file, fileOffset, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Reads from a file into this memory, without a copy where the memory can be pinned; see <see cref="ReadFrom(GuestAddress, ulong, SafeFileHandle, long)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public void ReadFrom(GuestRange range, SafeFileHandle file, long fileOffset) => ReadFrom(range.Start, range.Length, file, fileOffset);

    /// <summary>Reads from a file into this memory, without a copy where the memory can be pinned, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="transfer">How it ended: partial transfers and errors with the exact count.</param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryReadFrom(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        transfer = new MemoryTransfer(this, address.Value, length).Run(AccessType.Write, new TransferEnd(file, null, (ulong)fileOffset));
        return transfer.Succeeded;
    }

    /// <summary>
    /// Reads from a file into this memory, without a copy where the memory can be pinned, and says how it ended; see
    /// <see cref="TryReadFrom(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="transfer">How it ended.</param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryReadFrom(GuestRange range, SafeFileHandle file, long fileOffset, out FileTransfer transfer) =>
        TryReadFrom(range.Start, range.Length, file, fileOffset, out transfer);

    /// <summary>Writes this memory to a file, without a copy where the memory can be pinned.</summary>
    /// <inheritdoc cref="ReadFrom(GuestAddress, ulong, SafeFileHandle, long)" path="/param"/>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TryWriteTo(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file took no more.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public void WriteTo(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset)
    {
        _ = TryWriteTo(address, length, file, fileOffset, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Writes this memory to a file, without a copy where the memory can be pinned; see <see cref="WriteTo(GuestAddress, ulong, SafeFileHandle, long)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file took no more.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public void WriteTo(GuestRange range, SafeFileHandle file, long fileOffset) => WriteTo(range.Start, range.Length, file, fileOffset);

    /// <summary>Writes this memory to a file, without a copy where the memory can be pinned, and says how it ended.</summary>
    /// <inheritdoc cref="TryReadFrom(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)" path="/param"/>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryWriteTo(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        transfer = new MemoryTransfer(this, address.Value, length).Run(AccessType.Read, new TransferEnd(file, null, (ulong)fileOffset));
        return transfer.Succeeded;
    }

    /// <summary>
    /// Writes this memory to a file, without a copy where the memory can be pinned, and says how it ended; see
    /// <see cref="TryWriteTo(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)"/>.
    /// </summary>
    /// <inheritdoc cref="TryReadFrom(GuestRange, SafeFileHandle, long, out FileTransfer)" path="/param"/>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryWriteTo(GuestRange range, SafeFileHandle file, long fileOffset, out FileTransfer transfer) =>
        TryWriteTo(range.Start, range.Length, file, fileOffset, out transfer);

    /// <summary>Reads from a stream into this memory until the range is full.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TryReadFrom(GuestAddress, ulong, Stream, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The stream ended first.</exception>
    public void ReadFrom(GuestAddress address, ulong length, Stream source)
    {
        _ = TryReadFrom(address, length, source, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Reads from a stream into this memory until the range is full; see <see cref="ReadFrom(GuestAddress, ulong, Stream)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The stream ended first.</exception>
    public void ReadFrom(GuestRange range, Stream source) => ReadFrom(range.Start, range.Length, source);

    /// <summary>Reads from a stream into this memory until the range is full, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <param name="transfer">How it ended. Bytes that were taken from the stream but could not be written are lost; the count says how many were written.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryReadFrom(GuestAddress address, ulong length, Stream source, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(source);
        transfer = new MemoryTransfer(this, address.Value, length).RunStream(AccessType.Write, source);
        return transfer.Succeeded;
    }

    /// <summary>
    /// Reads from a stream into this memory until the range is full, and says how it ended; see
    /// <see cref="TryReadFrom(GuestAddress, ulong, Stream, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <param name="transfer">How it ended.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryReadFrom(GuestRange range, Stream source, out FileTransfer transfer) => TryReadFrom(range.Start, range.Length, source, out transfer);

    /// <summary>Writes this memory to a stream, up to the first byte that cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TryWriteTo(GuestAddress, ulong, Stream, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    public void WriteTo(GuestAddress address, ulong length, Stream destination)
    {
        _ = TryWriteTo(address, length, destination, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Writes this memory to a stream; see <see cref="WriteTo(GuestAddress, ulong, Stream)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    public void WriteTo(GuestRange range, Stream destination) => WriteTo(range.Start, range.Length, destination);

    /// <summary>Writes this memory to a stream, up to the first byte that cannot be read, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <param name="transfer">How it ended, with the exact count.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryWriteTo(GuestAddress address, ulong length, Stream destination, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(destination);
        transfer = new MemoryTransfer(this, address.Value, length).RunStream(AccessType.Read, destination);
        return transfer.Succeeded;
    }

    /// <summary>
    /// Writes this memory to a stream, up to the first byte that cannot be read, and says how it ended; see
    /// <see cref="TryWriteTo(GuestAddress, ulong, Stream, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <param name="transfer">How it ended.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryWriteTo(GuestRange range, Stream destination, out FileTransfer transfer) => TryWriteTo(range.Start, range.Length, destination, out transfer);

    /// <summary>Receives from a connected socket into this memory until the range is full, without a copy where the memory can be pinned.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="socket">The socket.</param>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TryReceive(GuestAddress, ulong, Socket, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The other side closed the connection first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void Receive(GuestAddress address, ulong length, Socket socket)
    {
        _ = TryReceive(address, length, socket, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>
    /// Receives from a connected socket into this memory until the range is full, without a copy where the memory can be pinned; see
    /// <see cref="Receive(GuestAddress, ulong, Socket)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="socket">The socket.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The other side closed the connection first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void Receive(GuestRange range, Socket socket) => Receive(range.Start, range.Length, socket);

    /// <summary>Receives from a connected socket into this memory until the range is full, without a copy where the memory can be pinned, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="transfer">
    /// How it ended: partial transfers and errors with the exact count. Through the pooled buffer, bytes that were received but could not be written are lost.
    /// </param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryReceive(GuestAddress address, ulong length, Socket socket, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(socket);
        transfer = new MemoryTransfer(this, address.Value, length).Run(AccessType.Write, new TransferEnd(null, socket, 0));
        return transfer.Succeeded;
    }

    /// <summary>
    /// Receives from a connected socket into this memory until the range is full, without a copy where the memory can be pinned, and says how it ended; see
    /// <see cref="TryReceive(GuestAddress, ulong, Socket, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="transfer">How it ended. Through the pooled buffer, bytes that were received but could not be written are lost.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TryReceive(GuestRange range, Socket socket, out FileTransfer transfer) =>
        TryReceive(range.Start, range.Length, socket, out transfer);

    /// <summary>Sends this memory over a connected socket, without a copy where the memory can be pinned.</summary>
    /// <inheritdoc cref="Receive(GuestAddress, ulong, Socket)" path="/param"/>
    /// <remarks>Where it fails, a part may have been transferred: <see cref="TrySend(GuestAddress, ulong, Socket, out FileTransfer)"/> says how much.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void Send(GuestAddress address, ulong length, Socket socket)
    {
        _ = TrySend(address, length, socket, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Sends this memory over a connected socket, without a copy where the memory can be pinned; see <see cref="Send(GuestAddress, ulong, Socket)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="socket">The socket.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void Send(GuestRange range, Socket socket) => Send(range.Start, range.Length, socket);

    /// <summary>Sends this memory over a connected socket, without a copy where the memory can be pinned, and says how it ended.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="transfer">How it ended: partial transfers and errors with the exact count.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TrySend(GuestAddress address, ulong length, Socket socket, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(socket);
        transfer = new MemoryTransfer(this, address.Value, length).Run(AccessType.Read, new TransferEnd(null, socket, 0));
        return transfer.Succeeded;
    }

    /// <summary>
    /// Sends this memory over a connected socket, without a copy where the memory can be pinned, and says how it ended; see
    /// <see cref="TrySend(GuestAddress, ulong, Socket, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="transfer">How it ended.</param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TrySend(GuestRange range, Socket socket, out FileTransfer transfer) =>
        TrySend(range.Start, range.Length, socket, out transfer);

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
    /// <inheritdoc cref="ReadFromAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public Task<FileTransfer> TryReadFromAsync(
        GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        return new MemoryTransfer(this, address.Value, length).RunInPieces(AccessType.Write, new TransferEnd(file, null, (ulong)fileOffset), cancellationToken);
    }

    /// <summary>Writes this memory to a file, on a thread of the pool.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>A task that ends when all of it has been written.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task WriteToAsync(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        (await TryWriteToAsync(address, length, file, fileOffset, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Writes this memory to a file, on a thread of the pool, and says how it ended.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public Task<FileTransfer> TryWriteToAsync(
        GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        return new MemoryTransfer(this, address.Value, length).RunInPieces(AccessType.Read, new TransferEnd(file, null, (ulong)fileOffset), cancellationToken);
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
    /// <inheritdoc cref="ReadFromAsync(GuestAddress, ulong, Stream, CancellationToken)" path="/param"/>
    /// <returns>How it ended. Bytes that were taken from the stream but could not be written are lost; the count says how many were written.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was read before stays.</exception>
    public async Task<FileTransfer> TryReadFromAsync(GuestAddress address, ulong length, Stream source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return await new MemoryTransfer(this, address.Value, length).FillAsync(new TransferEnd(null, null, 0, source), cancellationToken).ConfigureAwait(false);
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
    /// <inheritdoc cref="WriteToAsync(GuestAddress, ulong, Stream, CancellationToken)" path="/param"/>
    /// <returns>How it ended, with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was written before stays.</exception>
    public async Task<FileTransfer> TryWriteToAsync(GuestAddress address, ulong length, Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return await new MemoryTransfer(this, address.Value, length).DrainAsync(new TransferEnd(null, null, 0, destination), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Receives from a connected socket into this memory until the range is full. No thread waits meanwhile.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been received.</returns>
    /// <remarks>Through a buffer, otherwise than <see cref="Receive(GuestAddress, ulong, Socket)"/>: bytes that were received but could not be written are lost.</remarks>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The other side closed the connection first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was received before stays.</exception>
    public async Task ReceiveAsync(GuestAddress address, ulong length, Socket socket, CancellationToken cancellationToken = default) =>
        (await TryReceiveAsync(address, length, socket, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Receives from a connected socket into this memory until the range is full, and says how it ended. No thread waits meanwhile.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestAddress, ulong, Socket, CancellationToken)" path="/param"/>
    /// <returns>How it ended. Bytes that were received but could not be written are lost; the count says how many were written.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was received before stays.</exception>
    public Task<FileTransfer> TryReceiveAsync(GuestAddress address, ulong length, Socket socket, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return new MemoryTransfer(this, address.Value, length).FillAsync(new TransferEnd(null, socket, 0), cancellationToken);
    }

    /// <summary>Sends this memory over a connected socket. No thread waits meanwhile.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestAddress, ulong, Socket, CancellationToken)" path="/param"/>
    /// <returns>A task that ends when all of it has been sent.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was sent before was sent.</exception>
    public async Task SendAsync(GuestAddress address, ulong length, Socket socket, CancellationToken cancellationToken = default) =>
        (await TrySendAsync(address, length, socket, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();

    /// <summary>Sends this memory over a connected socket, up to the first byte that cannot be read, and says how it ended. No thread waits meanwhile.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestAddress, ulong, Socket, CancellationToken)" path="/param"/>
    /// <returns>How it ended, with the exact count.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was sent before was sent.</exception>
    public Task<FileTransfer> TrySendAsync(GuestAddress address, ulong length, Socket socket, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return new MemoryTransfer(this, address.Value, length).DrainAsync(new TransferEnd(null, socket, 0), cancellationToken);
    }
}
