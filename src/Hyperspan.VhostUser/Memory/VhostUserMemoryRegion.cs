namespace Hyperspan.VhostUser;

/// <summary>One region of the memory that a front end shares.</summary>
public readonly record struct VhostUserMemoryRegion
{
    /// <summary>Initializes a new instance of the <see cref="VhostUserMemoryRegion"/> struct.</summary>
    /// <param name="guestAddress">The guest-physical address of the first byte.</param>
    /// <param name="size">The length in bytes.</param>
    /// <param name="userAddress">The address of the first byte in the front end's process: rings are described by such addresses.</param>
    /// <param name="fileOffset">Where in the file the region begins, in bytes.</param>
    public VhostUserMemoryRegion(ulong guestAddress, ulong size, ulong userAddress, ulong fileOffset)
    {
        GuestAddress = guestAddress;
        Size = size;
        UserAddress = userAddress;
        FileOffset = fileOffset;
    }

    /// <summary>Gets the guest-physical address of the first byte.</summary>
    public ulong GuestAddress { get; init; }

    /// <summary>Gets the length in bytes.</summary>
    public ulong Size { get; init; }

    /// <summary>Gets the address of the first byte in the front end's process: rings are described by such addresses.</summary>
    public ulong UserAddress { get; init; }

    /// <summary>Gets where in the file the region begins, in bytes.</summary>
    public ulong FileOffset { get; init; }
}
