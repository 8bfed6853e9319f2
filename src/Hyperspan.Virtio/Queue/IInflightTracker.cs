namespace Hyperspan.Virtio;

/// <summary>
/// Keeps a record of the chains that a device has taken but not yet returned, so that another process can go on after a crash
/// (vhost-user: VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD, "Inflight I/O tracking").
/// </summary>
/// <remarks>
/// A <see cref="VirtQueue"/> calls it in the order that the vhost-user specification prescribes: <see cref="OnTaken(ushort)"/>, or for a packed queue
/// <see cref="OnTaken(ushort, ReadOnlySpan{PackedDescriptor})"/>, before a chain is handed to the device; <see cref="OnCompleting"/> for each chain of a batch, before the driver
/// can know; <see cref="OnCompleted"/> once the batch is published.
/// Called on the thread that works the queue. Must not throw.
/// </remarks>
public interface IInflightTracker
{
    /// <summary>A chain was taken from the available ring. Not called for chains that are resubmitted: they are in the record already.</summary>
    /// <param name="head">The index of the chain's first descriptor.</param>
    void OnTaken(ushort head);

    /// <summary>
    /// A chain was taken from a packed ring: its descriptors will be written over, perhaps before it is returned. Not called for chains that are resubmitted.
    /// </summary>
    /// <param name="head">What the queue calls it: below the size of the ring, and no other chain's while it is in flight.</param>
    /// <param name="descriptors">Its descriptors in the ring, as they were read.</param>
    void OnTaken(ushort head, ReadOnlySpan<PackedDescriptor> descriptors) => OnTaken(head);

    /// <summary>A chain is about to be returned: its entry is in the used ring, the used index does not cover it yet.</summary>
    /// <param name="head">The index of the chain's first descriptor.</param>
    void OnCompleting(ushort head);

    /// <summary>The used index has been written: every chain announced by <see cref="OnCompleting"/> since the last call belongs to the driver again.</summary>
    /// <param name="usedIndex">The used index that was written; of a packed queue the place of the next descriptor to be returned, with the wrap counter in bit 15.</param>
    void OnCompleted(ushort usedIndex);
}
