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

    /// <summary>Gets the features that a queue needs to know.</summary>
    /// <param name="acknowledged">The features that the driver accepted.</param>
    /// <returns>Those among them that change how a ring works.</returns>
    public static VirtQueueFeatures ForQueue(ulong acknowledged) =>
        ((acknowledged & IndirectDescriptors) != 0 ? VirtQueueFeatures.IndirectDescriptors : 0)
        | ((acknowledged & EventIndex) != 0 ? VirtQueueFeatures.EventIndex : 0);
}
