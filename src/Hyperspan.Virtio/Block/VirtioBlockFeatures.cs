namespace Hyperspan.Virtio;

/// <summary>Feature bits of the block device (virtio 1.2, section 5.2.3).</summary>
public static class VirtioBlockFeatures
{
    /// <summary>VIRTIO_BLK_F_SEG_MAX, bit 2: seg_max in the configuration is valid.</summary>
    public const ulong SegmentMax = 1UL << 2;

    /// <summary>VIRTIO_BLK_F_RO, bit 5: the disk cannot be written.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE, bit 6: blk_size in the configuration is valid.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH, bit 9: there is a cache and a command to write it out.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>VIRTIO_BLK_F_TOPOLOGY, bit 10: the topology in the configuration is valid.</summary>
    public const ulong Topology = 1UL << 10;

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE, bit 11: the driver may switch the cache by the configuration field writeback.</summary>
    public const ulong ConfigWriteback = 1UL << 11;

    /// <summary>VIRTIO_BLK_F_MQ, bit 12: there are several queues.</summary>
    public const ulong MultiQueue = 1UL << 12;

    /// <summary>VIRTIO_BLK_F_DISCARD, bit 13.</summary>
    public const ulong Discard = 1UL << 13;

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES, bit 14.</summary>
    public const ulong WriteZeroes = 1UL << 14;
}
