namespace Hyperspan.Virtio;

/// <summary>A request of a block device that did not succeed.</summary>
public readonly record struct BlockFailure
{
    /// <summary>Initializes a new instance of the <see cref="BlockFailure"/> struct.</summary>
    /// <param name="type">
    /// What was asked for, as the driver gave it; <see cref="BlockRequestType.Flush"/> also where switching the cache off or a write-through was what
    /// needed the flush.
    /// </param>
    /// <param name="status">What the driver was told.</param>
    /// <param name="errorNumber">
    /// The error number of the system (errno(3)) where the image failed, EFAULT where a buffer cannot be accessed; zero where the request itself was
    /// not valid or not supported.
    /// </param>
    public BlockFailure(BlockRequestType type, BlockStatus status, int errorNumber)
    {
        Type = type;
        Status = status;
        ErrorNumber = errorNumber;
    }

    /// <summary>
    /// Gets what was asked for, as the driver gave it; <see cref="BlockRequestType.Flush"/> also where switching the cache off or a write-through was what needed the
    /// flush.
    /// </summary>
    public BlockRequestType Type { get; }

    /// <summary>Gets what the driver was told.</summary>
    public BlockStatus Status { get; }

    /// <summary>
    /// Gets the error number of the system (errno(3)) where the image failed, EFAULT where a buffer cannot be accessed; zero where the request itself was not valid
    /// or not supported.
    /// </summary>
    public int ErrorNumber { get; }
}
