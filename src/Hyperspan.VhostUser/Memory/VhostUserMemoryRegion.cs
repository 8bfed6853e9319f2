namespace Hyperspan.VhostUser;

/// <summary>One region of the memory that a front end shares.</summary>
/// <param name="GuestAddress">The guest-physical address of the first byte.</param>
/// <param name="Size">The length in bytes.</param>
/// <param name="UserAddress">The address of the first byte in the front end's process: rings are described by such addresses.</param>
/// <param name="FileOffset">Where in the file the region begins, in bytes.</param>
public readonly record struct VhostUserMemoryRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong FileOffset);
