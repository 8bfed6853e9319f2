namespace Hyperspan.Virtio;

/// <summary>What a packed queue has to know of a chain in flight, to return it. The driver's name for it may be any, also one that it has given to another.</summary>
internal struct PackedSlot
{
    internal ushort Id;

    /// <summary>How many descriptors of the ring it takes; zero while the slot is free.</summary>
    internal ushort Count;
}
