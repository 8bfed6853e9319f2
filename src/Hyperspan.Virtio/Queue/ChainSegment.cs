namespace Hyperspan.Virtio;

/// <summary>One contiguous buffer of a descriptor chain.</summary>
public readonly record struct ChainSegment
{
    /// <summary>Initializes a new instance of the <see cref="ChainSegment"/> struct.</summary>
    /// <param name="address">The guest-physical address of its first byte.</param>
    /// <param name="length">The length in bytes.</param>
    public ChainSegment(GuestAddress address, uint length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>Gets the guest-physical address of its first byte.</summary>
    public GuestAddress Address { get; }

    /// <summary>Gets the length in bytes.</summary>
    public uint Length { get; }
}
