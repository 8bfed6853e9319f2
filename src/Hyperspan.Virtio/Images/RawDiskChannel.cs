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

    public DiskResult Read(ulong offset, ulong length, scoped ref ChainWriter destination) =>
        TryTransfer(ref offset, ref length, ref destination, toFile: false, out DiskResult result)
            ? result
            : ReadByCopy(offset, length, ref destination);

    public DiskResult Write(ulong offset, ulong length, scoped ref ChainReader source) =>
        TryTransfer(ref offset, ref length, ref source, toFile: true, out DiskResult result)
            ? result
            : WriteByCopy(offset, length, ref source);

    public void Dispose() => _vectors.Dispose();

    /// <summary>Transfers without copying. False where pages cannot be locked: then the rest, from where chain and range stand now, wants copying.</summary>
    private bool TryTransfer<TChain>(ref ulong offset, ref ulong length, scoped ref TChain chain, bool toFile, out DiskResult result)
        where TChain : struct, IChainPart, allows ref struct
    {
        while (length > 0)
        {
            TChain start = chain;
            ulong piece;
            FileTransfer transfer;
            try
            {
                if (!chain.TryGather(_vectors, length, MaxSegments, out piece))
                {
                    result = DiskResult.FromFault(chain.Fault);
                    if (chain.Fault.Kind != GuestMemoryFaultKind.NotLockable)
                    {
                        return true;
                    }

                    chain = start;
                    return false;
                }

                transfer = toFile ? _vectors.WriteTo(file, offset) : _vectors.ReadFrom(file, offset);
            }
            finally
            {
                _vectors.Clear();
            }

            if (!IsComplete(transfer, piece, out result))
            {
                return true;
            }

            offset += piece;
            length -= piece;
        }

        result = DiskResult.Success;
        return true;
    }

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
