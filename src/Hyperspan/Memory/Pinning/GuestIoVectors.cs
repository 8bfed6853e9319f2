using System.Diagnostics;
using System.Net.Sockets;
using Hyperspan.Interop.Linux;
using Hyperspan.Streaming;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// Pieces of guest memory, pinned and listed for one scatter/gather transfer: a file's or a socket's bytes go straight into and out of guest pages.
/// </summary>
/// <remarks>
/// <para>
/// Made once and used for one request after another: <see cref="TryAdd(GuestMemory, GuestAddress, ulong, out GuestMemoryFault)"/> for each piece, a transfer,
/// <see cref="Clear"/>. Nothing is allocated once it has grown to the largest request. The kernel accesses the pages itself: one that another process has taken away ends
/// the transfer there, with the exact count and a fault.
/// </para>
/// <para>
/// One call of the system takes up to 1024 pieces on Linux (preadv(2), writev(2)), and one piece elsewhere. Not safe for use from several threads at once.
/// </para>
/// </remarks>
[DebuggerDisplay("{Count} pieces, {Length} bytes")]
public sealed unsafe class GuestIoVectors : IDisposable
{
    private readonly VectorList _vectors;
    private readonly HeldPins _pins = new(forSpans: false);
    private readonly PartsHold _parts = new();
    private AccessType _access;
    private bool _disposed;

    /// <summary>Initializes a new instance of the <see cref="GuestIoVectors"/> class.</summary>
    /// <param name="access"><see cref="AccessType.Write"/> where transfers will write to guest memory, as reading from a file does.</param>
    /// <param name="capacity">How many pieces there is room for at first; it grows.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is negative.</exception>
    public GuestIoVectors(AccessType access, int capacity = 256)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _access = access;
        _vectors = new VectorList(capacity);
        _parts.Enter();
    }

    /// <summary>Finalizes an instance of the <see cref="GuestIoVectors"/> class: one that was forgotten unpins its pages.</summary>
    ~GuestIoVectors()
    {
        _ = _parts.TryTell();
        _parts.Leave();
        _pins.ReleaseForgotten();
    }

    /// <summary>Gets or sets what the pieces are pinned for: <see cref="AccessType.Write"/> where transfers will write to guest memory.</summary>
    /// <exception cref="InvalidOperationException">It is changed while there are pieces.</exception>
    public AccessType Access
    {
        get => _access;
        set
        {
            if (value != _access && Count != 0)
            {
                throw new InvalidOperationException("pieces are pinned for one access: clear the list first");
            }

            _access = value;
        }
    }

    /// <summary>Gets a value indicating whether one call of the system is given many pieces.</summary>
    internal bool TakesMany { private get; init; } = VectoredCall.TakesMany;

    /// <summary>Gets the number of pieces; those that touch in host memory have become one.</summary>
    public int Count => _vectors.Count;

    /// <summary>Gets the length of all pieces in bytes.</summary>
    public ulong Length { get; private set; }

    /// <summary>Gets the pieces as the kernel takes them. Valid until the next call that changes this list.</summary>
    public ReadOnlySpan<IoVector> Vectors => _vectors.Span;

    /// <summary>Pins a range of guest memory for the kernel's use and appends it.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes. Zero appends nothing.</param>
    /// <exception cref="GuestMemoryException">It could not be pinned; the list is unchanged then.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Add(GuestMemory memory, GuestAddress address, ulong length)
    {
        if (!TryAdd(memory, address, length, out GuestMemoryFault fault))
        {
            throw fault.ToException();
        }
    }

    /// <summary>Pins a range of guest memory for the kernel's use and appends it, and says why where it cannot.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes. Zero appends nothing.</param>
    /// <param name="fault">Why it could not be pinned; the list is unchanged then.</param>
    /// <returns>Whether it was pinned and appended.</returns>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public bool TryAdd(GuestMemory memory, GuestAddress address, ulong length, out GuestMemoryFault fault)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(memory);
        if (!PinPath.TryPinInto(memory, _pins, _vectors, address.Value, length, Access, out fault, _parts))
        {
            fault = fault.As(GuestMemoryOperation.Pin, address.Value, length);
            return false;
        }

        Length += length;
        return true;
    }

    /// <summary>Pins a range of guest memory for the kernel's use and appends it; see <see cref="Add(GuestMemory, GuestAddress, ulong)"/>.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">The range.</param>
    /// <exception cref="GuestMemoryException">It could not be pinned; the list is unchanged then.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Add(GuestMemory memory, GuestRange range) => Add(memory, range.Start, range.Length);

    /// <summary>Pins a range of guest memory for the kernel's use and appends it, and says why where it cannot.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">The range.</param>
    /// <param name="fault">Why it could not be pinned; the list is unchanged then.</param>
    /// <returns>Whether it was pinned and appended.</returns>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public bool TryAdd(GuestMemory memory, GuestRange range, out GuestMemoryFault fault) =>
        TryAdd(memory, range.Start, range.Length, out fault);

    /// <summary>Pins the pages of a paged range for the kernel's use and appends its runs.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">The range.</param>
    /// <exception cref="GuestMemoryException">It could not be pinned; runs before the one that failed stay in the list until <see cref="Clear"/>.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Add(GuestMemory memory, in PagedRange range)
    {
        if (!TryAdd(memory, range, out GuestMemoryFault fault))
        {
            throw fault.ToException();
        }
    }

    /// <summary>Pins the pages of a paged range for the kernel's use and appends its runs, and says why where it cannot.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">The range.</param>
    /// <param name="fault">Why it could not be pinned; runs before the one that failed stay in the list until <see cref="Clear"/>.</param>
    /// <returns>Whether all of it was pinned and appended.</returns>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public bool TryAdd(GuestMemory memory, in PagedRange range, out GuestMemoryFault fault)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(memory);
        foreach (PagedRun run in range.Runs)
        {
            if (!PinPath.TryPinRun(memory, _pins, _vectors, run, Access, out fault, _parts))
            {
                return false;
            }

            Length += run.Length;
        }

        fault = default;
        return true;
    }

    /// <summary>Unpins everything and empties the list.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Clear()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Empty();
    }

    /// <summary>Reads from a file into the pieces, again after partial transfers, until all are full or something stops it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">The list is for reading.</exception>
    public void ReadFrom(SafeFileHandle file, long fileOffset)
    {
        _ = TryReadFrom(file, fileOffset, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Reads from a file into the pieces, again after partial transfers, until all are full or something stops it, and says how it ended.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="transfer">How it ended: partial transfers and errors with the exact count.</param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">The list is for reading.</exception>
    public bool TryReadFrom(SafeFileHandle file, long fileOffset, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        transfer = Transfer(new TransferEnd(file, null, (ulong)fileOffset), AccessType.Write);
        return transfer.Succeeded;
    }

    /// <summary>Writes the pieces to a file, again after partial transfers, until all are written or something stops it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file took no more.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public void WriteTo(SafeFileHandle file, long fileOffset)
    {
        _ = TryWriteTo(file, fileOffset, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Writes the pieces to a file, again after partial transfers, until all are written or something stops it, and says how it ended.</summary>
    /// <inheritdoc cref="TryReadFrom(SafeFileHandle, long, out FileTransfer)" path="/param"/>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fileOffset"/> is negative.</exception>
    public bool TryWriteTo(SafeFileHandle file, long fileOffset, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegative(fileOffset);
        transfer = Transfer(new TransferEnd(file, null, (ulong)fileOffset), AccessType.Read);
        return transfer.Succeeded;
    }

    /// <summary>Receives from a connected socket into the pieces until they are full, the peer closes, or a non-blocking socket has no more.</summary>
    /// <param name="socket">The socket.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The other side closed the connection first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="InvalidOperationException">The list is for reading.</exception>
    public void Receive(Socket socket)
    {
        _ = TryReceive(socket, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Receives from a connected socket into the pieces until they are full, the peer closes, or a non-blocking socket has no more, and says how it ended.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="transfer">
    /// How it ended: partial transfers and errors with the exact count; on Linux EAGAIN in <see cref="FileTransfer.ErrorNumber"/> where a non-blocking socket had no more, or after
    /// the socket's timeout.
    /// </param>
    /// <returns>Whether all of it was transferred.</returns>
    /// <exception cref="InvalidOperationException">The list is for reading.</exception>
    public bool TryReceive(Socket socket, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(socket);
        transfer = Transfer(new TransferEnd(null, socket, 0), AccessType.Write);
        return transfer.Succeeded;
    }

    /// <summary>Sends the pieces over a connected socket.</summary>
    /// <param name="socket">The socket. It should be one that a closed peer does not kill the process over; .NET ignores SIGPIPE.</param>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void Send(Socket socket)
    {
        _ = TrySend(socket, out FileTransfer transfer);
        transfer.ThrowIfFailed();
    }

    /// <summary>Sends the pieces over a connected socket, and says how it ended.</summary>
    /// <param name="socket">The socket. It should be one that a closed peer does not kill the process over; .NET ignores SIGPIPE.</param>
    /// <param name="transfer">
    /// How it ended: partial transfers and errors with the exact count; on Linux EAGAIN in <see cref="FileTransfer.ErrorNumber"/> where a non-blocking socket took no more, or
    /// after the socket's timeout.
    /// </param>
    /// <returns>Whether all of it was transferred.</returns>
    public bool TrySend(Socket socket, out FileTransfer transfer)
    {
        ArgumentNullException.ThrowIfNull(socket);
        transfer = Transfer(new TransferEnd(null, socket, 0), AccessType.Read);
        return transfer.Succeeded;
    }

    /// <summary>Unpins everything and frees the list.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        try
        {
            Empty();
        }
        finally
        {
            _vectors.Dispose();
            _parts.Leave();
            GC.SuppressFinalize(this);
        }
    }

    private void Empty()
    {
        // Whatever an observer throws who is told, or a backing when its pages are unpinned: nothing that was unpinned stays in the list, and nothing stays pinned.
        _vectors.Clear();
        Length = 0;
        try
        {
            _parts.Clear();
        }
        finally
        {
            _pins.Release();
        }
    }

    private FileTransfer Transfer(in TransferEnd end, AccessType access)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (access == AccessType.Write)
        {
            if (_access == AccessType.Read)
            {
                throw new InvalidOperationException("the list is for reading: make it for writing to have a transfer write to its pieces");
            }
        }
        else if (!CanBeRead(out GuestMemoryFault refused))
        {
            return new FileTransfer(0, Length, 0, endOfFile: false, refused);
        }

        FileTransfer transfer = TransferAll(end, access);

        // One that the caller no longer knows is finalized otherwise, while the kernel works on its pages.
        GC.KeepAlive(this);
        return transfer;
    }

    private FileTransfer TransferAll(in TransferEnd end, AccessType access)
    {
        ulong length = Length;
        ulong done = 0;
        int first = 0;
        nuint within = 0;
        while (done < length)
        {
            // The first piece may be half done: show the kernel the rest of it, and put it back afterwards.
            IoVector* vectors = _vectors.Items + first;
            IoVector whole = *vectors;
            *vectors = new IoVector((byte*)whole.Address + within, whole.Length - within);
            nint moved;
            int error;
            try
            {
                (moved, error) = TakesMany
                    ? VectoredCall.MoveMany(end, vectors, _vectors.Count - first, done, access)
                    : VectoredCall.MoveOne(end, vectors, done, access);
            }
            finally
            {
                // Also where somebody has closed the other end meanwhile: the list is used again.
                *vectors = whole;
            }

            if (error != 0)
            {
                if (TakesMany && IsForNow(error, end.Socket, access))
                {
                    continue;
                }

                return VectoredCall.IsBadAddress(error) && FaultAt(done) is { IsFault: true } fault
                    ? new FileTransfer(done, length, 0, endOfFile: false, fault)
                    : new FileTransfer(done, length, error, endOfFile: false, default);
            }

            if (moved == 0)
            {
                return new FileTransfer(done, length, 0, endOfFile: true, default);
            }

            done += (ulong)moved;
            within += (nuint)moved;
            while (first < _vectors.Count && within >= _vectors.Items[first].Length)
            {
                within -= _vectors.Items[first++].Length;
            }
        }

        return new FileTransfer(done, length, 0, endOfFile: false, default);
    }

    /// <summary>Whether a call is to be made again: a signal came, or a socket that blocks to its user has waited.</summary>
    private static bool IsForNow(int error, Socket? socket, AccessType access) =>
        error == ErrorNumber.Interrupted
        || (error == ErrorNumber.TryAgain && socket is not null && SocketReadiness.Wait(socket, access == AccessType.Write ? PollEvents.In : PollEvents.Out));

    /// <summary>Whether what was pinned for writing, and so probed for writing only, can be read as well.</summary>
    private bool CanBeRead(out GuestMemoryFault fault)
    {
        foreach (IoPart part in _parts.Parts)
        {
            if (part.Access == AccessType.Write && !part.Memory.TryProbe(part.Address, part.Length, AccessType.Read, out fault))
            {
                fault = fault.As(GuestMemoryOperation.Read, part.Address, part.Length);
                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>Which guest address the kernel could not access: the first that a probe from the point reached on refuses.</summary>
    private GuestMemoryFault FaultAt(ulong done)
    {
        ulong start = 0;
        foreach (IoPart part in _parts.Parts)
        {
            if (done < start + part.Length)
            {
                ulong skip = done > start ? done - start : 0;
                if (!part.Memory.TryProbe(part.Address + skip, part.Length - skip, part.Access, out GuestMemoryFault fault))
                {
                    return fault.As(
                        part.Access == AccessType.Write ? GuestMemoryOperation.Write : GuestMemoryOperation.Read, part.Address, part.Length);
                }
            }

            start += part.Length;
        }

        return default;
    }
}
