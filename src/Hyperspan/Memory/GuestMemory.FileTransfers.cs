using System.Buffers;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Transfers between files or sockets and guest memory: straight where the memory can be locked, else through a pooled buffer.</content>
public sealed unsafe partial class GuestMemory
{
    private const int PooledTransfer = 64 << 10;

    [ThreadStatic]
    private static GuestIoVectors? IdleVectors;

    /// <summary>Reads from a file into this memory, without a copy where the memory can be locked.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    public FileTransfer ReadFrom(SafeFileHandle file, ulong fileOffset, GuestAddress address, ulong length)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Transfer(address.Value, length, AccessType.Write, new FileEnd(file, null, fileOffset));
    }

    /// <summary>Writes this memory to a file, without a copy where the memory can be locked.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>How it ended: partial transfers and errors with the exact count.</returns>
    public FileTransfer WriteTo(SafeFileHandle file, ulong fileOffset, GuestAddress address, ulong length)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Transfer(address.Value, length, AccessType.Read, new FileEnd(file, null, fileOffset));
    }

    /// <summary>Receives from a connected socket into this memory until the range is full, without a copy where the memory can be locked.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>How it ended. Through the pooled buffer, bytes that were received but could not be written are lost; the count says how many were.</returns>
    public FileTransfer Receive(Socket socket, GuestAddress address, ulong length)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return Transfer(address.Value, length, AccessType.Write, new FileEnd(null, socket, 0));
    }

    /// <summary>Sends this memory over a connected socket, without a copy where the memory can be locked.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>How it ended.</returns>
    public FileTransfer Send(Socket socket, GuestAddress address, ulong length)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return Transfer(address.Value, length, AccessType.Read, new FileEnd(null, socket, 0));
    }

    private FileTransfer Transfer(ulong address, ulong length, AccessType access, FileEnd end)
    {
        // A handler that runs while pages are probed may transfer on this thread as well: the list is taken, not borrowed.
        GuestIoVectors vectors = IdleVectors ?? new GuestIoVectors();
        IdleVectors = null;
        try
        {
            if (vectors.TryAdd(this, address, length, access, out GuestMemoryFault fault))
            {
                return (end.File, access) switch
                {
                    (null, AccessType.Write) => vectors.Receive(end.Socket!),
                    (null, _) => vectors.Send(end.Socket!),
                    (_, AccessType.Write) => vectors.ReadFrom(end.File, end.Offset),
                    _ => vectors.WriteTo(end.File, end.Offset),
                };
            }

            return fault.Kind == GuestMemoryFaultKind.NotLockable
                ? TransferPooled(address, length, access, end)
                : new FileTransfer(0, length, 0, EndOfFile: false, fault);
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
