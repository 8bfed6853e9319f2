using System.Buffers;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Transfers between files or sockets and guest memory: straight where the memory can be pinned, else through a pooled buffer.</content>
public sealed unsafe partial class GuestMemory
{
    private const int PooledTransfer = 64 << 10;

    [ThreadStatic]
    private static GuestIoVectors? IdleVectors;

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
        transfer = Transfer(address.Value, length, AccessType.Write, new FileEnd(file, null, (ulong)fileOffset));
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
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
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
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="transfer">How it ended: partial transfers and errors with the exact count.</param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryWriteTo(GuestAddress address, ulong length, SafeFileHandle file, long fileOffset, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        transfer = Transfer(address.Value, length, AccessType.Read, new FileEnd(file, null, (ulong)fileOffset));
        return transfer.Succeeded;
    }

    /// <summary>
    /// Writes this memory to a file, without a copy where the memory can be pinned, and says how it ended; see
    /// <see cref="TryWriteTo(GuestAddress, ulong, SafeFileHandle, long, out FileTransfer)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="transfer">How it ended.</param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryWriteTo(GuestRange range, SafeFileHandle file, long fileOffset, out FileTransfer transfer) =>
        TryWriteTo(range.Start, range.Length, file, fileOffset, out transfer);

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
        transfer = Transfer(address.Value, length, AccessType.Write, new FileEnd(null, socket, 0));
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
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="socket">The socket.</param>
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
        transfer = Transfer(address.Value, length, AccessType.Read, new FileEnd(null, socket, 0));
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

    private FileTransfer Transfer(ulong address, ulong length, AccessType access, FileEnd end)
    {
        // A handler that runs while pages are probed may transfer on this thread as well: the list is taken, not borrowed.
        GuestIoVectors vectors = IdleVectors ?? new GuestIoVectors(access);
        IdleVectors = null;
        vectors.Access = access;
        try
        {
            if (!vectors.TryAdd(this, address, length, out GuestMemoryFault fault))
            {
                return fault.Kind == GuestMemoryFaultKind.NotPinnable
                    ? TransferPooled(address, length, access, end)
                    : new FileTransfer(0, length, 0, EndOfFile: false, fault);
            }

            FileTransfer transfer;
            _ = (end.File, access) switch
            {
                (null, AccessType.Write) => vectors.TryReceive(end.Socket!, out transfer),
                (null, _) => vectors.TrySend(end.Socket!, out transfer),
                (_, AccessType.Write) => vectors.TryReadFrom(end.File, (long)end.Offset, out transfer),
                _ => vectors.TryWriteTo(end.File, (long)end.Offset, out transfer),
            };
            return transfer;
        }
        finally
        {
            vectors.Clear();
            IdleVectors = vectors;
        }
    }

    private FileTransfer TransferPooled(ulong address, ulong length, AccessType access, FileEnd end)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PooledTransfer);
        try
        {
            ulong done = 0;
            while (done < length)
            {
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min((ulong)buffer.Length, length - done));
                GuestMemoryFault fault;
                if (access == AccessType.Read)
                {
                    if (!TryRead(address + done, piece, out fault))
                    {
                        return new FileTransfer(done, length, 0, EndOfFile: false, fault.As(GuestMemoryOperation.Read, address, length));
                    }

                    (int sent, int errno) = end.Write(piece, done);
                    done += (ulong)sent;
                    if (errno != 0)
                    {
                        return new FileTransfer(done, length, errno, EndOfFile: false, default);
                    }
                }
                else
                {
                    (int got, int errno) = end.Read(piece, done);
                    if (got == 0)
                    {
                        return new FileTransfer(done, length, errno, EndOfFile: errno == 0, default);
                    }

                    if (!TryWrite(address + done, piece[..got], out fault))
                    {
                        ulong written = fault.Address is { } at ? at.Value - (address + done) : 0;
                        return new FileTransfer(done + written, length, 0, EndOfFile: false, fault.As(GuestMemoryOperation.Write, address, length));
                    }

                    done += (ulong)got;
                }
            }

            return new FileTransfer(done, length, 0, EndOfFile: false, default);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The other end of a transfer: a file at an offset, or a socket.</summary>
    private readonly record struct FileEnd(SafeFileHandle? File, Socket? Socket, ulong Offset)
    {
        internal (int Count, int Errno) Read(Span<byte> destination, ulong done)
        {
            try
            {
                return (File is null ? Socket!.Receive(destination) : RandomAccess.Read(File, destination, (long)(Offset + done)), 0);
            }
            catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
            {
                return (0, ErrorOf(e));
            }
        }

        internal (int Count, int Errno) Write(ReadOnlySpan<byte> source, ulong done)
        {
            try
            {
                if (File is null)
                {
                    return (Socket!.Send(source), 0);
                }

                RandomAccess.Write(File, source, (long)(Offset + done));
                return (source.Length, 0);
            }
            catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
            {
                return (0, ErrorOf(e));
            }
        }

        // What the runtime keeps of the system's error; EIO where it keeps none.
        private static int ErrorOf(Exception e) => e is SocketException socket ? socket.NativeErrorCode : e.HResult is > 0 and < 4096 ? e.HResult : 5;
    }
}
