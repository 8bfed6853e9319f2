namespace Hyperspan.Virtio;

/// <summary>A request of a block device that did not succeed.</summary>
/// <param name="Type">
/// What was asked for, as the driver gave it; <see cref="BlockRequestType.Flush"/> also where switching the cache off or a write-through was what needed the flush.
/// </param>
/// <param name="Status">What the driver was told.</param>
/// <param name="ErrorNumber">The error number of the system (errno(3)) where the image failed, EFAULT where a buffer cannot be accessed; zero where the request itself
/// was not valid or not supported.</param>
public readonly record struct BlockFailure(BlockRequestType Type, BlockStatus Status, int ErrorNumber);
