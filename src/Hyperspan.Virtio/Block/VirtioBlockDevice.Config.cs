using System.Buffers.Binary;
using System.Numerics;

namespace Hyperspan.Virtio;

/// <content>The configuration space, <c>struct virtio_blk_config</c> (virtio 1.2, section 5.2.4), up to and including write_zeroes_may_unmap.</content>
public sealed partial class VirtioBlockDevice
{
    private const int ConfigSize = 60;
    private const int WritebackOffset = 32;

    /// <inheritdoc/>
    public int ConfigLength => ConfigSize;

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> destination)
    {
        Span<byte> config = stackalloc byte[ConfigSize];
        FillConfig(config);
        destination.Clear();
        if (offset < ConfigSize)
        {
            ReadOnlySpan<byte> rest = config[(int)offset..];
            rest[..Math.Min(rest.Length, destination.Length)].CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The one writable field is writeback, by VIRTIO_BLK_F_CONFIG_WCE: 0 or 1. Zero is refused where the cache cannot be flushed.</remarks>
    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source)
    {
        if ((OfferedFeatures & VirtioBlockFeatures.ConfigWriteback) == 0 || offset != WritebackOffset || source.Length != 1 || source[0] > 1)
        {
            return false;
        }

        // What was written before must not stay in a cache that the driver believes to be off. First the switch, so that no write slips in between.
        int before = Interlocked.Exchange(ref _writeback, source[0]);
        if (source[0] != 0 || Flush().Succeeded)
        {
            Volatile.Write(ref _isWritebackChosen, 1);
            return true;
        }

        Volatile.Write(ref _writeback, before);
        return false;
    }

    private void FillConfig(Span<byte> config)
    {
        config.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(config, Capacity);
        BinaryPrimitives.WriteUInt32LittleEndian(config[12..], (uint)_options.MaxSegments);

        // The geometry of cylinders, heads and sectors is not offered: nothing has used it for decades.
        BinaryPrimitives.WriteUInt32LittleEndian(config[20..], (uint)_options.LogicalBlockSize);
        int perPhysical = _options.PhysicalBlockSize / _options.LogicalBlockSize;
        config[24] = (byte)BitOperations.Log2((uint)perPhysical);
        BinaryPrimitives.WriteUInt16LittleEndian(config[26..], (ushort)Math.Min(perPhysical, ushort.MaxValue));
        config[WritebackOffset] = (byte)Volatile.Read(ref _writeback);
        BinaryPrimitives.WriteUInt16LittleEndian(config[34..], (ushort)QueueCount);
        if (!IsReadOnly)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(config[36..], MaxDiscardSectors);
            BinaryPrimitives.WriteUInt32LittleEndian(config[40..], MaxRanges);
            BinaryPrimitives.WriteUInt32LittleEndian(config[44..], (uint)(_options.PhysicalBlockSize / SectorSize));
            BinaryPrimitives.WriteUInt32LittleEndian(config[48..], MaxWriteZeroesSectors);
            BinaryPrimitives.WriteUInt32LittleEndian(config[52..], MaxRanges);
            config[56] = 1;
        }
    }
}
