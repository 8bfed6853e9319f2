using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>Transfers between a file and guest pages, without copying where the pages can be locked.</summary>
internal sealed unsafe class RawDiskChannel(SafeFileHandle file) : IDiskChannel
{
    // A hostile chain may have thousands of buffers: they are transferred in turns, so that neither memory nor the number of locked pages depends on it.
    private const int MaxSegments = 256;
    private const int BufferLength = 64 * 1024;

    private readonly GuestIoVectors _vectors = new(MaxSegments);
    private byte[]? _buffer;

    public DiskResult Read(ulong offset, ulong length, scoped ref ChainWriter destination)
    {
        while (length > 0)
        {
            ChainWriter start = destination;
            ulong piece;
            FileTransfer transfer;
            try
            {
                if (!destination.TryGather(_vectors, length, MaxSegments, out piece))
                {
                    if (destination.Fault.Kind != GuestMemoryFaultKind.NotLockable)
                    {
                        return DiskResult.FromFault(destination.Fault);
                    }

                    destination = start;
                    return ReadByCopy(offset, length, ref destination);
                }

                transfer = _vectors.ReadFrom(file, offset);
            }
            finally
            {
                _vectors.Clear();
            }

            if (!IsComplete(transfer, piece, out DiskResult failure))
            {
                return failure;
            }

            offset += piece;
            length -= piece;
        }

        return DiskResult.Success;
    }

    public DiskResult Write(ulong offset, ulong length, scoped ref ChainReader source)
    {
        while (length > 0)
        {
            ChainReader start = source;
            ulong piece;
            FileTransfer transfer;
            try
            {
                if (!source.TryGather(_vectors, length, MaxSegments, out piece))
                {
                    if (source.Fault.Kind != GuestMemoryFaultKind.NotLockable)
                    {
                        return DiskResult.FromFault(source.Fault);
                    }

                    source = start;
                    return WriteByCopy(offset, length, ref source);
                }

                transfer = _vectors.WriteTo(file, offset);
            }
            finally
            {
                _vectors.Clear();
            }

            if (!IsComplete(transfer, piece, out DiskResult failure))
            {
                return failure;
            }

            offset += piece;
            length -= piece;
        }

        return DiskResult.Success;
    }

    public void Dispose() => _vectors.Dispose();

    private static bool IsComplete(in FileTransfer transfer, ulong expected, out DiskResult failure)
    {
        if (transfer.Succeeded && transfer.Transferred == expected)
        {
            failure = default;
            return true;
        }

        // Less than asked for without an error: the file ends there, it has been truncated.
        failure = transfer.Fault.IsFault
            ? DiskResult.FromFault(transfer.Fault)
            : DiskResult.FromErrno(transfer.Errno != 0 ? transfer.Errno : ErrorNumber.InputOutput);
        return false;
    }

    private DiskResult ReadByCopy(ulong offset, ulong length, scoped ref ChainWriter destination)
    {
        byte[] buffer = _buffer ??= GC.AllocateUninitializedArray<byte>(BufferLength, pinned: true);
        while (length > 0)
        {
            nint got;

            // SAFETY: pinned, and never longer than the array.
            fixed (byte* start = buffer)
            {
                got = LibC.Pread(file, start, (nuint)Math.Min(length, BufferLength), (long)offset);
            }

            if (got <= 0)
            {
                int error = got == 0 ? ErrorNumber.InputOutput : Marshal.GetLastPInvokeError();
                if (error == ErrorNumber.Interrupted)
                {
                    continue;
                }

                return DiskResult.FromErrno(error);
            }

            if (!destination.TryWrite(buffer.AsSpan(0, (int)got)))
            {
                return DiskResult.FromFault(destination.Fault);
            }

            offset += (ulong)got;
            length -= (ulong)got;
        }

        return DiskResult.Success;
    }

    private DiskResult WriteByCopy(ulong offset, ulong length, scoped ref ChainReader source)
    {
        byte[] buffer = _buffer ??= GC.AllocateUninitializedArray<byte>(BufferLength, pinned: true);
        while (length > 0)
        {
            int piece = (int)Math.Min(length, BufferLength);
            if (!source.TryRead(buffer.AsSpan(0, piece)))
            {
                return DiskResult.FromFault(source.Fault);
            }

            int done = 0;
            while (done < piece)
            {
                nint written;

                // SAFETY: as for reading.
                fixed (byte* start = buffer)
                {
                    written = LibC.Pwrite(file, start + done, (nuint)(piece - done), (long)offset);
                }

                if (written <= 0)
                {
                    int error = written == 0 ? ErrorNumber.InputOutput : Marshal.GetLastPInvokeError();
                    if (error == ErrorNumber.Interrupted)
                    {
                        continue;
                    }

                    return DiskResult.FromErrno(error);
                }

                done += (int)written;
                offset += (ulong)written;
            }

            length -= (ulong)piece;
        }

        return DiskResult.Success;
    }
}
