using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>A transfer by a thread that may wait: straight, or by way of a buffer where the memory cannot be pinned or does not lie as the disk wants it.</summary>
internal sealed unsafe class RawDiskJob(RawDiskImage image, DiskTransfer transfer) : DiskJob
{
    private bool _isHeld;

    /// <summary>Gets the image it is for.</summary>
    internal RawDiskImage Image => image;

    /// <summary>Says whether the transfer has entered the gate for writes already.</summary>
    internal RawDiskJob Prepare(bool isHeld)
    {
        _isHeld = isHeld;
        return this;
    }

    internal override void Run() => transfer.Complete(Transfer());

    /// <summary>Transfers, on the thread that asks.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What throws fails the transfer.")]
    internal DiskResult Transfer()
    {
        try
        {
            return image.CanGoStraight(transfer) ? Straight() : ByBuffer();
        }
        catch (Exception)
        {
            return DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
        }
        finally
        {
            if (_isHeld)
            {
                _isHeld = false;
                image.Writes!.LeaveWhole();
            }
        }
    }

    private DiskResult Straight()
    {
        if (transfer.IsWrite && image.Writes is { } gate && !_isHeld)
        {
            gate.EnterWhole();
            _isHeld = true;
        }

        GuestIoVectors vectors = transfer.Vectors!;
        _ = transfer.IsWrite
            ? vectors.TryWriteTo(image.TransferFile, (long)transfer.Offset, out FileTransfer moved)
            : vectors.TryReadFrom(image.TransferFile, (long)transfer.Offset, out moved);
        return RawDiskImage.ResultOf(moved, transfer.Length);
    }

    private DiskResult ByBuffer()
    {
        using var buffer = new DiskBuffer();
        ulong unit = image.OffsetAlignment;
        ulong end = transfer.Offset + transfer.Length;
        ulong at = transfer.Offset;
        while (at < end)
        {
            // The blocks that hold the next bytes, as many as there is room for.
            ulong first = at & ~(unit - 1);
            ulong last = Math.Min((end + unit - 1) & ~(unit - 1), first + DiskBuffer.Length);
            ulong stop = Math.Min(end, last);
            DiskResult result = transfer.IsWrite ? Write(buffer, first, last, at, stop) : Read(buffer, first, last, at, stop);
            if (!result.Succeeded)
            {
                return result;
            }

            at = stop;
        }

        return DiskResult.Success;
    }

    private DiskResult Read(DiskBuffer buffer, ulong first, ulong last, ulong from, ulong to)
    {
        DiskResult result = Move(buffer, first, last, to, isWrite: false);
        if (result.Succeeded)
        {
            transfer.TryCopyFrom(from - transfer.Offset, buffer.Span(from - first, to - from), out result);
        }

        return result;
    }

    private DiskResult Write(DiskBuffer buffer, ulong first, ulong last, ulong from, ulong to)
    {
        bool isPartial = first != from || last != to;
        if (image.Writes is not { } gate)
        {
            return WriteBlocks(buffer, first, last, from, to, isPartial);
        }

        if (isPartial)
        {
            gate.EnterPartial();
        }
        else
        {
            gate.EnterWhole();
        }

        try
        {
            return WriteBlocks(buffer, first, last, from, to, isPartial);
        }
        finally
        {
            if (isPartial)
            {
                gate.LeavePartial();
            }
            else
            {
                gate.LeaveWhole();
            }
        }
    }

    private DiskResult WriteBlocks(DiskBuffer buffer, ulong first, ulong last, ulong from, ulong to, bool isPartial)
    {
        DiskResult result = isPartial ? Move(buffer, first, last, last, isWrite: false) : DiskResult.Success;
        return result.Succeeded && transfer.TryCopyTo(from - transfer.Offset, buffer.Span(from - first, to - from), out result)
            ? Move(buffer, first, last, last, isWrite: true)
            : result;
    }

    /// <summary>Reads or writes blocks; of a read, bytes before <paramref name="needed"/> have to be there.</summary>
    private DiskResult Move(DiskBuffer buffer, ulong first, ulong last, ulong needed, bool isWrite)
    {
        ulong at = first;
        while (at < needed)
        {
            byte* start = buffer.Start + (at - first);

            // SAFETY: the buffer has room for the blocks from first to last, and at lies between them.
            nint moved = isWrite
                ? LibC.Pwrite(image.TransferFile, start, (nuint)(last - at), (long)at)
                : LibC.Pread(image.TransferFile, start, (nuint)(last - at), (long)at);
            if (moved > 0)
            {
                at += (ulong)moved;
                continue;
            }

            int error = moved == 0 ? ErrorNumber.InputOutput : Marshal.GetLastPInvokeError();
            if (error != ErrorNumber.Interrupted)
            {
                return DiskResult.FromErrorNumber(error);
            }
        }

        return DiskResult.Success;
    }
}
