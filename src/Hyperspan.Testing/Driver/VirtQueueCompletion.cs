namespace Hyperspan.Testing;

/// <summary>What a device returned by the used ring.</summary>
/// <param name="Head">
/// The index of the chain's first descriptor, as <see cref="VirtQueueDriver"/> gave it.
/// </param>
/// <param name="Written">How many bytes the device says it wrote.</param>
public readonly record struct VirtQueueCompletion(ushort Head, uint Written);
