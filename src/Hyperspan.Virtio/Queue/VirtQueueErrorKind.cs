namespace Hyperspan.Virtio;

/// <summary>What a driver, or whoever writes to its memory, did wrong with a virtqueue.</summary>
public enum VirtQueueErrorKind
{
    /// <summary>No error.</summary>
    None,

    /// <summary>The queue size is zero, no power of two, or above 32768.</summary>
    InvalidSize,

    /// <summary>A ring or table is not aligned as section 2.7 demands.</summary>
    MisalignedRing,

    /// <summary>A ring or table does not lie in guest memory with all its bytes.</summary>
    RingOutsideMemory,

    /// <summary>Reading or writing a ring or a descriptor table failed: the memory has changed since the queue was set up.</summary>
    RingFault,

    /// <summary>The available index is further ahead than the queue has entries.</summary>
    AvailableIndexTooFar,

    /// <summary>The driver made more chains available than the queue has descriptors while none was returned.</summary>
    TooManyInFlight,

    /// <summary>An entry of the available ring names a descriptor past the table.</summary>
    HeadOutOfRange,

    /// <summary>A descriptor's next field names a descriptor past its table.</summary>
    NextOutOfRange,

    /// <summary>A chain has more descriptors than its table: it runs in a circle.</summary>
    DescriptorLoop,

    /// <summary>An indirect descriptor without the feature being negotiated.</summary>
    IndirectNotNegotiated,

    /// <summary>An indirect descriptor inside an indirect table.</summary>
    NestedIndirect,

    /// <summary>A descriptor with both the INDIRECT and the NEXT flag.</summary>
    IndirectWithNext,

    /// <summary>The length of an indirect table is zero, no multiple of 16, or more than <see cref="VirtQueue.MaxIndirectEntries"/> descriptors.</summary>
    InvalidIndirectLength,

    /// <summary>An indirect table does not lie in guest memory.</summary>
    IndirectOutsideMemory,

    /// <summary>A device-readable descriptor after a device-writable one.</summary>
    ReadableAfterWritable,

    /// <summary>The buffers of a chain are longer than 2^32 bytes in all.</summary>
    ChainTooLong,

    /// <summary>A buffer does not lie in guest memory with all its bytes.</summary>
    BufferOutsideMemory,

    /// <summary>Reading or writing a buffer failed.</summary>
    BufferFault,

    /// <summary>An indirect descriptor that is not the only one of its chain, in a packed ring.</summary>
    IndirectInList,

    /// <summary>A chain made available again before it was returned, where chains are to be returned in order.</summary>
    HeadInFlight,

    /// <summary>A request without room for what its device must answer (for a block device: the status byte).</summary>
    MissingResponse,
}
