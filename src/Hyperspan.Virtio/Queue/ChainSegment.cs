namespace Hyperspan.Virtio;

/// <summary>One contiguous buffer of a descriptor chain.</summary>
/// <param name="Address">The guest-physical address of its first byte.</param>
/// <param name="Length">The length in bytes.</param>
public readonly record struct ChainSegment(GuestAddress Address, uint Length);
