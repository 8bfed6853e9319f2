using System.Buffers;

namespace Hyperspan;

/// <summary>
/// Transfers between a range of guest memory and a file, a socket or a stream: straight where the memory can be pinned, else through a pooled buffer.
/// </summary>
internal readonly struct MemoryTransfer(GuestMemory memory, ulong address, ulong length)
{
    /// <summary>The length of the pooled buffer.</summary>
    internal const int Pooled = 64 << 10;

    // What is transferred before cancellation is looked at again.
    private const ulong AsyncPiece = 1 << 20;

    [ThreadStatic]
    private static GuestIoVectors? IdleVectors;

    /// <summary>Transfers all of it, or up to what stops it.</summary>
    internal FileTransfer Run(AccessType access, TransferEnd end)
    {
        // A handler that runs while pages are probed may transfer on this thread as well: the list is taken, not borrowed.
        GuestIoVectors vectors = IdleVectors ?? new GuestIoVectors(access);
        IdleVectors = null;
        vectors.Access = access;
        try
        {
            if (!vectors.TryAdd(memory, address, length, out GuestMemoryFault fault))
            {
                return fault.Kind == GuestMemoryFaultKind.NotPinnable ? RunPooled(access, end) : Ended(0, fault: fault);
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

    /// <summary>Transfers all of it through the pooled buffer, or up to what stops it.</summary>
    internal FileTransfer RunStream(AccessType access, Stream stream)
    {
        return memory.CheckRange(address, length, NameOf(access), out GuestMemoryFault fault)
            ? RunPooled(access, new TransferEnd(null, null, 0, stream))
            : Ended(0, fault: fault);
    }

    /// <summary>Transfers on a thread of the pool, piece by piece.</summary>
    internal Task<FileTransfer> RunInPieces(AccessType access, TransferEnd end, CancellationToken cancellationToken)
    {
        GuestMemoryOperation name = NameOf(access);
        if (!memory.CheckRange(address, length, name, out GuestMemoryFault fault))
        {
            return Task.FromResult(Ended(0, fault: fault));
        }

        MemoryTransfer whole = this;
        return Task.Run(() => whole.Pieces(access, name, end, cancellationToken), cancellationToken);
    }

    /// <summary>Fills the range from a stream or a socket, through the pooled buffer.</summary>
    internal async Task<FileTransfer> FillAsync(TransferEnd source, CancellationToken cancellationToken)
    {
        if (!memory.CheckRange(address, length, GuestMemoryOperation.Write, out GuestMemoryFault fault))
        {
            return Ended(0, fault: fault);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(Pooled);
        try
        {
            for (ulong done = 0; done < length;)
            {
                Memory<byte> piece = buffer.AsMemory(0, (int)Math.Min((uint)buffer.Length, length - done));
                (int got, int errno) = await source.ReadAsync(piece, cancellationToken).ConfigureAwait(false);
                if (got == 0)
                {
                    return Ended(done, errno, endOfFile: errno == 0);
                }

                if (!TryPut(piece.Span[..got], ref done, out fault))
                {
                    return Ended(done, fault: fault);
                }
            }

            return Ended(length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes the range to a stream or a socket, through the pooled buffer, up to the first byte that cannot be read.</summary>
    internal async Task<FileTransfer> DrainAsync(TransferEnd destination, CancellationToken cancellationToken)
    {
        if (!memory.CheckRange(address, length, GuestMemoryOperation.Read, out GuestMemoryFault fault))
        {
            return Ended(0, fault: fault);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(Pooled);
        try
        {
            for (ulong done = 0; done < length;)
            {
                int there = memory.ReadAvailable(address + done, buffer.AsSpan(0, (int)Math.Min((uint)buffer.Length, length - done)), out fault);
                for (int written = 0; written < there;)
                {
                    (int count, int errno) = await destination.WriteAsync(buffer.AsMemory(written, there - written), cancellationToken).ConfigureAwait(false);
                    written += count;
                    done += (ulong)count;
                    if (errno != 0)
                    {
                        return Ended(done, errno);
                    }
                }

                if (fault.IsFault)
                {
                    return Ended(done, fault: fault.As(GuestMemoryOperation.Read, address, length));
                }
            }

            return Ended(length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static GuestMemoryOperation NameOf(AccessType access) => access == AccessType.Write ? GuestMemoryOperation.Write : GuestMemoryOperation.Read;

    private FileTransfer Pieces(AccessType access, GuestMemoryOperation name, TransferEnd end, CancellationToken cancellationToken)
    {
        for (ulong done = 0; done < length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var piece = new MemoryTransfer(memory, address + done, Math.Min(AsyncPiece, length - done));
            FileTransfer moved = piece.Run(access, end with { Offset = end.Offset + done });
            done += moved.Transferred;
            if (!moved.Succeeded)
            {
                GuestMemoryFault met = moved.Fault.IsFault ? moved.Fault.As(name, address, length) : default;
                return moved with { Transferred = done, Requested = length, Fault = met };
            }
        }

        return Ended(length);
    }

    private FileTransfer RunPooled(AccessType access, TransferEnd end)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Pooled);
        try
        {
            for (ulong done = 0; done < length;)
            {
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min((ulong)buffer.Length, length - done));
                GuestMemoryFault fault;
                if (access == AccessType.Read)
                {
                    int there = memory.ReadAvailable(address + done, piece, out fault);
                    (int sent, int errno) = there == 0 ? default : end.Write(piece[..there], done);
                    done += (ulong)sent;
                    if (errno != 0)
                    {
                        return Ended(done, errno);
                    }

                    if (fault.IsFault && sent == there)
                    {
                        return Ended(done, fault: fault.As(GuestMemoryOperation.Read, address, length));
                    }

                    continue;
                }

                (int got, int error) = end.Read(piece, done);
                if (got == 0)
                {
                    return Ended(done, error, endOfFile: error == 0);
                }

                if (!TryPut(piece[..got], ref done, out fault))
                {
                    return Ended(done, fault: fault);
                }
            }

            return Ended(length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes what has come; <paramref name="done"/> counts what is in the memory, exactly.</summary>
    private bool TryPut(ReadOnlySpan<byte> bytes, ref ulong done, out GuestMemoryFault fault)
    {
        if (memory.TryWrite(address + done, bytes, out fault))
        {
            done += (ulong)bytes.Length;
            return true;
        }

        done += fault.Address is { } at ? at.Value - (address + done) : 0;
        fault = fault.As(GuestMemoryOperation.Write, address, length);
        return false;
    }

    private FileTransfer Ended(ulong done, int errno = 0, bool endOfFile = false, GuestMemoryFault fault = default) => new(done, length, errno, endOfFile, fault);
}
