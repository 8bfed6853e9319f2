using System.Numerics;
using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <content>The configuration space.</content>
public sealed partial class VirtioBlockDevice
{
    /// <inheritdoc/>
    public int ConfigLength => BlockConfig.Length;

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> destination)
    {
        BlockConfig config = GetConfig();
        destination.Clear();
        if (offset < BlockConfig.Length)
        {
            ReadOnlySpan<byte> rest = MemoryMarshal.AsBytes(new ReadOnlySpan<BlockConfig>(in config))[(int)offset..];
            rest[..Math.Min(rest.Length, destination.Length)].CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The one writable field is writeback, by VIRTIO_BLK_F_CONFIG_WCE: 0 or 1. Zero is refused where the cache cannot be flushed.</remarks>
    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source)
    {
        if ((OfferedFeatures & VirtioBlockFeatures.ConfigWriteback) == 0 || offset != BlockConfig.WritebackOffset || source.Length != 1 || source[0] > 1)
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

    private BlockConfig GetConfig()
    {
        int perPhysical = _options.PhysicalBlockSize / _options.LogicalBlockSize;
        var config = new BlockConfig
        {
            Capacity = Capacity,
            MaxSegments = (uint)_options.MaxSegments,
            BlockSize = (uint)_options.LogicalBlockSize,
            PhysicalBlockExponent = (byte)BitOperations.Log2((uint)perPhysical),
            MinIoBlocks = (ushort)Math.Min(perPhysical, ushort.MaxValue),
            Writeback = (byte)Volatile.Read(ref _writeback),
            QueueCount = (ushort)QueueCount,
        };
        if (!IsReadOnly)
        {
            config.MaxDiscardSectors = MaxDiscardSectors;
            config.MaxDiscardRanges = MaxRanges;
            config.DiscardAlignment = (uint)(_options.PhysicalBlockSize / SectorSize);
            config.MaxWriteZeroesSectors = MaxWriteZeroesSectors;
            config.MaxWriteZeroesRanges = MaxRanges;
            config.WriteZeroesMayUnmap = 1;
        }

        return config;
    }
}
