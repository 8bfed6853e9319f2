using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <summary>A block request that the device has completed.</summary>
public readonly record struct BlockCompletion
{
    /// <summary>Initializes a new instance of the <see cref="BlockCompletion"/> struct.</summary>
    /// <param name="token">What its submission returned.</param>
    /// <param name="status">The status byte; not one of the named values where the device wrote none.</param>
    /// <param name="written">How many bytes the device says it wrote, the status byte included.</param>
    public BlockCompletion(ushort token, BlockStatus status, uint written)
    {
        Token = token;
        Status = status;
        Written = written;
    }

    /// <summary>Gets what its submission returned.</summary>
    public ushort Token { get; }

    /// <summary>Gets the status byte; not one of the named values where the device wrote none.</summary>
    public BlockStatus Status { get; }

    /// <summary>Gets how many bytes the device says it wrote, the status byte included.</summary>
    public uint Written { get; }
}
