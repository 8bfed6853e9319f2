namespace Hyperspan.Virtio;

/// <summary>Which of the features that change how a virtqueue works were negotiated.</summary>
[Flags]
public enum VirtQueueFeatures
{
    /// <summary>None: chains in the descriptor table alone, notifications suppressed by flags.</summary>
    None = 0,

    /// <summary>VIRTIO_F_INDIRECT_DESC: a descriptor may refer to a table of further descriptors (virtio 1.2, section 2.7.5.3).</summary>
    IndirectDescriptors = 1,

    /// <summary>VIRTIO_F_EVENT_IDX: notifications are asked for by ring index (virtio 1.2, sections 2.7.7 and 2.7.10).</summary>
    EventIndex = 2,

    /// <summary>VIRTIO_F_RING_PACKED: one ring of descriptors instead of a table and two rings (virtio 1.2, section 2.8).</summary>
    PackedRing = 4,

    /// <summary>VIRTIO_F_IN_ORDER: chains are returned in the order in which they were made available, whatever order they are completed in (virtio 1.2, section 2.7.9).</summary>
    InOrder = 8,
}
