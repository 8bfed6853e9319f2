namespace Hyperspan.Virtio;

/// <summary>Feature bits that do not belong to one type of device (virtio 1.2, section 6).</summary>
public static class VirtioFeatures
{
    /// <summary>VIRTIO_F_INDIRECT_DESC, bit 28.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>VIRTIO_F_EVENT_IDX, bit 29.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>VIRTIO_F_VERSION_1, bit 32.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>VIRTIO_F_ACCESS_PLATFORM, bit 33: addresses in rings and descriptors go through an IOMMU. For a transport to offer, no device needs to know.</summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>VIRTIO_F_RING_PACKED, bit 34.</summary>
    public const ulong PackedRing = 1UL << 34;

    /// <summary>VIRTIO_F_IN_ORDER, bit 35. To be offered by a device whose requests do not wait for each other: one that takes long holds up all that come after it.</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>VIRTIO_F_RING_RESET, bit 40: one queue can be reset while the others go on (section 2.6.1). For a transport to offer, no device needs to know.</summary>
    public const ulong RingReset = 1UL << 40;

    /// <summary>What each queue can do, without the order of returning: for a device to offer.</summary>
    public const ulong EveryQueue = Version1 | IndirectDescriptors | EventIndex | PackedRing;

    /// <summary>Gets the features that a queue needs to know.</summary>
    /// <param name="acknowledged">The features that the driver accepted.</param>
    /// <returns>Those among them that change how a ring works.</returns>
    public static VirtQueueFeatures ForQueue(ulong acknowledged) =>
        ((acknowledged & IndirectDescriptors) != 0 ? VirtQueueFeatures.IndirectDescriptors : 0)
        | ((acknowledged & EventIndex) != 0 ? VirtQueueFeatures.EventIndex : 0)
        | ((acknowledged & PackedRing) != 0 ? VirtQueueFeatures.PackedRing : 0)
        | ((acknowledged & InOrder) != 0 ? VirtQueueFeatures.InOrder : 0);
}
