using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <content>The types of request.</content>
internal sealed partial class BlockQueueHandler
{
    /// <summary>Reads the header and does what it says.</summary>
    /// <param name="reader">The device-readable part.</param>
    /// <param name="writer">The device-writable part.</param>
    /// <param name="room">The length of the device-writable part without the status byte.</param>
    /// <param name="written">How many bytes of data were written to the guest.</param>
    /// <param name="fault">The fault of guest memory, if one was met: then the status means nothing.</param>
    private BlockStatus Execute(ref ChainReader reader, ref ChainWriter writer, ulong room, out ulong written, out GuestMemoryFault fault)
    {
        written = 0;
        fault = default;
        if (reader.Remaining < BlockRequestHeader.Size)
        {
            return BlockStatus.IoError;
        }

        // A copy: the guest may change what it is made of at any moment.
        if (!reader.TryRead(out BlockRequestHeader header))
        {
            fault = reader.Fault;
            return BlockStatus.IoError;
        }

        _type = (BlockRequestType)(uint)header.Type;

        switch ((BlockRequestType)(uint)header.Type)
        {
            case BlockRequestType.Read:
                return Read(header.Sector, ref reader, ref writer, room, out written, out fault);
            case BlockRequestType.Write:
                return Write(header.Sector, ref reader, room, out fault);
            case BlockRequestType.Flush when Has(VirtioBlockFeatures.Flush):
                return reader.Remaining > 0 || room > 0 || !Flush() ? BlockStatus.IoError : BlockStatus.Ok;
            case BlockRequestType.GetId:
                return GetId(ref reader, ref writer, room, out written, out fault);
            case BlockRequestType.Discard when Has(VirtioBlockFeatures.Discard):
                return Deallocate(ref reader, room, zero: false, out fault);
            case BlockRequestType.WriteZeroes when Has(VirtioBlockFeatures.WriteZeroes):
                return Deallocate(ref reader, room, zero: true, out fault);
            default:
                return BlockStatus.Unsupported;
        }
    }

    private bool Has(ulong feature) => (_features & _device.OfferedFeatures & feature) != 0;

    /// <summary>Whether a range of sectors lies on the disk. No sum here can wrap.</summary>
    private bool IsOnDisk(ulong sector, ulong sectors)
    {
        ulong capacity = _device.Capacity;
        return sector <= capacity && sectors <= capacity - sector;
    }

    private bool IsTransfer(ulong sector, ulong length) =>
        length % VirtioBlockDevice.SectorSize == 0 && IsOnDisk(sector, length / VirtioBlockDevice.SectorSize);

    private BlockStatus Read(
        ulong sector, ref ChainReader reader, ref ChainWriter writer, ulong length, out ulong written, out GuestMemoryFault fault)
    {
        written = 0;
        fault = default;
        if (reader.Remaining > 0 || !IsTransfer(sector, length))
        {
            return BlockStatus.IoError;
        }

        DiskResult result = _channel.Read(sector * VirtioBlockDevice.SectorSize, length, ref writer);
        (fault, _errno) = (result.Fault, result.Errno);
        if (!result.Succeeded)
        {
            return BlockStatus.IoError;
        }

        written = length;
        _bytes += length;
        return BlockStatus.Ok;
    }

    private BlockStatus Write(ulong sector, ref ChainReader reader, ulong room, out GuestMemoryFault fault)
    {
        fault = default;
        ulong length = reader.Remaining;
        if (_device.IsReadOnly || room > 0 || !IsTransfer(sector, length))
        {
            return BlockStatus.IoError;
        }

        DiskResult result = _channel.Write(sector * VirtioBlockDevice.SectorSize, length, ref reader);
        (fault, _errno) = (result.Fault, result.Errno);
        if (!result.Succeeded || !MakeDurable())
        {
            return BlockStatus.IoError;
        }

        _bytes += length;
        return BlockStatus.Ok;
    }

    private BlockStatus GetId(ref ChainReader reader, ref ChainWriter writer, ulong room, out ulong written, out GuestMemoryFault fault)
    {
        written = 0;
        fault = default;
        if (reader.Remaining > 0)
        {
            return BlockStatus.IoError;
        }

        ReadOnlySpan<byte> id = _device.Id[..(int)Math.Min(VirtioBlockDevice.IdLength, room)];
        if (!writer.TryWrite(id))
        {
            fault = writer.Fault;
            return BlockStatus.IoError;
        }

        written = (ulong)id.Length;
        return BlockStatus.Ok;
    }

    /// <summary>Discards ranges or writes zeros to them. All of them are read once and checked before anything is done to the first.</summary>
    private BlockStatus Deallocate(ref ChainReader reader, ulong room, bool zero, out GuestMemoryFault fault)
    {
        fault = default;
        ulong length = reader.Remaining;
        if (_device.IsReadOnly
            || room > 0
            || length == 0
            || length % BlockRange.Size != 0
            || length > BlockRange.Size * VirtioBlockDevice.MaxRanges)
        {
            return BlockStatus.IoError;
        }

        Span<BlockRange> ranges = _ranges.AsSpan(0, (int)(length / BlockRange.Size));
        if (!reader.TryRead(MemoryMarshal.AsBytes(ranges)))
        {
            fault = reader.Fault;
            return BlockStatus.IoError;
        }

        BlockStatus status = Check(ranges, zero);
        for (int i = 0; i < ranges.Length && status == BlockStatus.Ok; i++)
        {
            ulong offset = ranges[i].Sector * VirtioBlockDevice.SectorSize;
            ulong bytes = (ulong)ranges[i].Sectors * VirtioBlockDevice.SectorSize;
            if (bytes == 0)
            {
                continue;
            }

            DiskResult result = zero
                ? _device.Image.WriteZeroes(offset, bytes, (ranges[i].Flags & BlockRange.UnmapFlag) != 0)
                : _device.Image.Discard(offset, bytes);
            _errno = result.Errno;
            status = result.Succeeded ? BlockStatus.Ok : BlockStatus.IoError;
        }

        return status == BlockStatus.Ok && zero && !MakeDurable() ? BlockStatus.IoError : status;
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

    private bool MakeDurable() => _device.IsWriteback(_features) || Flush();

    private bool Flush()
    {
        bool succeeded = _device.Flush().Succeeded;
        _isReported |= !succeeded;
        return succeeded;
    }
}
