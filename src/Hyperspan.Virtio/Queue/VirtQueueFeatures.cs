namespace Hyperspan.Virtio;

/// <summary>Which of the ring features that change how a split virtqueue works were negotiated.</summary>
[Flags]
public enum VirtQueueFeatures
{
    /// <summary>None: chains in the descriptor table alone, notifications suppressed by flags.</summary>
    None = 0,

    /// <summary>VIRTIO_F_INDIRECT_DESC: a descriptor may refer to a table of further descriptors (virtio 1.2, section 2.7.5.3).</summary>
    IndirectDescriptors = 1,

    /// <summary>VIRTIO_F_EVENT_IDX: notifications are asked for by ring index (virtio 1.2, sections 2.7.7 and 2.7.10).</summary>
    EventIndex = 2,
}
