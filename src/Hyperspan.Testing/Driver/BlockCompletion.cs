using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <summary>A block request that the device has completed.</summary>
/// <param name="Token">What its submission returned.</param>
/// <param name="Status">The status byte; not one of the named values where the device wrote none.</param>
/// <param name="Written">How many bytes the device says it wrote, the status byte included.</param>
public readonly record struct BlockCompletion(ushort Token, BlockStatus Status, uint Written);
