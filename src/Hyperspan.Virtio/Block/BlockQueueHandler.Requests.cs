using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <content>The types of request. What begins or continues one says whether it is done; its status, or its fault, is in the request then.</content>
internal sealed partial class BlockQueueHandler
{
    /// <summary>Reads the header and begins what it says.</summary>
    private bool Begin(BlockRequest block)
    {
        ChainReader reader = block.Readable.CreateReader();
        ulong room = block.Writable.Length - 1;
        if (reader.Remaining < BlockRequestHeader.Size)
        {
            return Refuse(block);
        }

        // A copy: the guest may change what it is made of at any moment.
        if (!reader.TryRead(out BlockRequestHeader header))
        {
            return Break(block, reader.Fault);
        }

        var type = (BlockRequestType)header.Type;
        block.Type = type;
        switch (type)
        {
            case BlockRequestType.Read:
                return reader.Remaining > 0 || !IsTransfer(header.Sector, room)
                    ? Refuse(block)
                    : BeginTransfer(block, isWrite: false, header.Sector * VirtioBlockDevice.SectorSize, room);
            case BlockRequestType.Write:
                return Device.IsReadOnly || room > 0 || !IsTransfer(header.Sector, reader.Remaining)
                    ? Refuse(block)
                    : BeginTransfer(block, isWrite: true, header.Sector * VirtioBlockDevice.SectorSize, reader.Remaining);
            case BlockRequestType.Flush when Has(VirtioBlockFeatures.Flush):
                return reader.Remaining > 0 || room > 0 ? Refuse(block) : Flush(block);
            case BlockRequestType.GetId:
                return GetId(block, ref reader, room);
            case BlockRequestType.Discard when Has(VirtioBlockFeatures.Discard):
                return Deallocate(block, ref reader, room, zero: false);
            case BlockRequestType.WriteZeroes when Has(VirtioBlockFeatures.WriteZeroes):
                return Deallocate(block, ref reader, room, zero: true);
            default:
                block.Status = BlockStatus.Unsupported;
                return true;
        }
    }

    /// <summary>Goes on after a step.</summary>
    private bool Continue(BlockRequest block)
    {
        DiskResult result = block.Result;
        switch (block.Step)
        {
            case BlockStep.Transfer:
                return EndPiece(block, result) && (block.Step != BlockStep.Transfer || TransferPieces(block));
            case BlockStep.Allocate:
                return EndAllocation(block, result);
            case BlockStep.Held:
                return block.IsGivenUp ? Refuse(block) : Retry(block);
            default:
                return EndFlush(block, result);
        }
    }

    /// <summary>Tries a request again that the image failed, from its beginning: the disk may have another size by now.</summary>
    private bool Retry(BlockRequest block)
    {
        (block.Step, block.Status, block.Errno, block.IsReported) = (BlockStep.Done, BlockStatus.Ok, ErrorNumber.None, false);
        if (block.Type is BlockRequestType.Discard or BlockRequestType.WriteZeroes)
        {
            return BeginAllocation(block);
        }

        BlockTransfer transfer = block.Transfer;
        return IsTransfer(transfer.Start / VirtioBlockDevice.SectorSize, transfer.Total)
            ? BeginTransfer(block, transfer.IsWrite, transfer.Start, transfer.Total)
            : Refuse(block);
    }

    private bool EndAllocation(BlockRequest block, in DiskResult result) =>
        !result.Succeeded
            ? Fail(block, result.ErrorNumber)
            : block.Type == BlockRequestType.WriteZeroes && !IsWriteback ? BeginFlush(block) : Succeed(block);

    private bool IsWriteback => Device.IsWriteback(_features);

    private bool Has(ulong feature) => (_features & Device.OfferedFeatures & feature) != 0;

    /// <summary>Whether a range of sectors lies on the disk. No sum here can wrap.</summary>
    private bool IsOnDisk(ulong sector, ulong sectors)
    {
        ulong capacity = Device.Capacity;
        return sector <= capacity && sectors <= capacity - sector;
    }

    private bool IsTransfer(ulong sector, ulong length) =>
        length % VirtioBlockDevice.SectorSize == 0 && IsOnDisk(sector, length / VirtioBlockDevice.SectorSize);

    private static bool Refuse(BlockRequest block)
    {
        (block.Step, block.Status) = (BlockStep.Done, BlockStatus.IoError);
        return true;
    }

    private static bool Fail(BlockRequest block, int errno)
    {
        block.Errno = errno;
        return Refuse(block);
    }

    private static bool Break(BlockRequest block, in GuestMemoryFault fault)
    {
        (block.Step, block.Status, block.Fault) = (BlockStep.Done, BlockStatus.IoError, fault);
        return true;
    }

    private static bool Succeed(BlockRequest block)
    {
        block.Step = BlockStep.Done;
        return true;
    }

    private bool BeginTransfer(BlockRequest block, bool isWrite, ulong offset, ulong length)
    {
        if (Device.IsForsaken(offset, length))
        {
            // A write that nobody waits for any more could still land there.
            return Fail(block, ErrorNumber.Busy);
        }

        Device.Charge(length);
        block.Transfer.Reset(isWrite, offset, length);
        block.Step = BlockStep.Transfer;
        return TransferPieces(block);
    }

    private bool TransferPieces(BlockRequest block)
    {
        BlockTransfer transfer = block.Transfer;
        while (!transfer.IsComplete)
        {
            if (!transfer.TryPrepare(_channel.UsesMemory, out GuestMemoryFault fault))
            {
                return Break(block, fault);
            }

            DiskResult result;
            try
            {
                if (!_channel.TryTransfer(transfer, out result))
                {
                    return false;
                }
            }
            catch
            {
                transfer.EndPiece(succeeded: false);
                throw;
            }

            if (EndPiece(block, result) && block.Step != BlockStep.Transfer)
            {
                return true;
            }
        }

        AddBytes(transfer.Total);
        if (!transfer.IsWrite)
        {
            block.Data = transfer.Total;
            return Succeed(block);
        }

        return IsWriteback ? Succeed(block) : BeginFlush(block);
    }

    /// <summary>Takes note of how a piece went.</summary>
    /// <returns>Always <see langword="true"/>; the step says whether there is more to transfer.</returns>
    private static bool EndPiece(BlockRequest block, in DiskResult result)
    {
        block.Transfer.EndPiece(result.Succeeded);
        return result.Succeeded || (result.Fault.IsFault ? Break(block, result.Fault) : Fail(block, result.ErrorNumber));
    }

    private bool Flush(BlockRequest block)
    {
        Device.Charge();
        return BeginFlush(block);
    }

    private bool BeginFlush(BlockRequest block)
    {
        block.Step = BlockStep.Flush;
        if (!MayOverlap)
        {
            return EndFlush(block, Device.FlushQuietly());
        }

        Device.BeginFlush(block);
        return false;
    }

    private bool EndFlush(BlockRequest block, in DiskResult result)
    {
        if (result.Succeeded)
        {
            return Succeed(block);
        }

        Device.Report(new BlockFailure(BlockRequestType.Flush, BlockStatus.IoError, result.ErrorNumber));
        block.IsReported = true;
        block.Errno = result.ErrorNumber;
        return Device.PolicyFor(BlockRequestType.Flush) == DiskErrorPolicy.Ignore ? Succeed(block) : Refuse(block);
    }

    private bool GetId(BlockRequest block, ref ChainReader reader, ulong room)
    {
        if (reader.Remaining > 0)
        {
            return Refuse(block);
        }

        ChainWriter writer = block.Writable.CreateWriter();
        ReadOnlySpan<byte> id = Device.Id[..(int)Math.Min(VirtioBlockDevice.IdLength, room)];
        if (!writer.TryWrite(id))
        {
            return Break(block, writer.Fault);
        }

        block.Data = (ulong)id.Length;
        return true;
    }

    /// <summary>Discards ranges or writes zeros to them. All of them are read once and checked before anything is done to the first.</summary>
    private bool Deallocate(BlockRequest block, ref ChainReader reader, ulong room, bool zero)
    {
        ulong length = reader.Remaining;
        if (Device.IsReadOnly
            || room > 0
            || length == 0
            || length % BlockRange.Size != 0
            || length > BlockRange.Size * VirtioBlockDevice.MaxRanges)
        {
            return Refuse(block);
        }

        Span<BlockRange> ranges = block.Allocation.Reset((int)(length / BlockRange.Size), zero);
        if (!reader.TryRead(MemoryMarshal.AsBytes(ranges)))
        {
            return Break(block, reader.Fault);
        }

        return BeginAllocation(block);
    }

    private bool BeginAllocation(BlockRequest block)
    {
        ReadOnlySpan<BlockRange> ranges = block.Allocation.Ranges;
        block.Status = Check(ranges, block.Type == BlockRequestType.WriteZeroes);
        if (block.Status != BlockStatus.Ok)
        {
            return true;
        }

        foreach (BlockRange range in ranges)
        {
            if (Device.IsForsaken(range.Sector * VirtioBlockDevice.SectorSize, (ulong)range.Sectors * VirtioBlockDevice.SectorSize))
            {
                return Fail(block, ErrorNumber.Busy);
            }
        }

        Device.Charge();
        block.Step = BlockStep.Allocate;
        if (!MayOverlap)
        {
            return EndAllocation(block, block.Allocation.RunAll());
        }

        Device.Workers.Run(block.Allocation);
        return false;
    }

    private BlockStatus Check(ReadOnlySpan<BlockRange> ranges, bool zero)
    {
        uint most = zero ? VirtioBlockDevice.MaxWriteZeroesSectors : VirtioBlockDevice.MaxDiscardSectors;
        uint knownFlags = zero ? BlockRange.UnmapFlag : 0;
        var status = BlockStatus.Ok;
        foreach (BlockRange range in ranges)
        {
            // Flags first: the specification demands this status whatever else is wrong (section 5.2.6.2).
            if ((range.Flags & ~knownFlags) != 0)
            {
                return BlockStatus.Unsupported;
            }

            if (range.Sectors > most || !IsOnDisk(range.Sector, range.Sectors))
            {
                status = BlockStatus.IoError;
            }
        }

        return status;
    }
}
