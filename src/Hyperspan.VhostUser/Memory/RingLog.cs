namespace Hyperspan.VhostUser;

/// <summary>A used ring that is logged elsewhere than where it lies: where the guest's own addresses go through an IOMMU.</summary>
/// <param name="Start">Its guest-physical address.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="LogAddress">The address that its first byte is logged at.</param>
internal readonly record struct RingLog(ulong Start, ulong Length, ulong LogAddress);
