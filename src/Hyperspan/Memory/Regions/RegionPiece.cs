namespace Hyperspan;

/// <summary>The part of a range that lies in one region.</summary>
/// <param name="Region">The region; null where there is none or the memory was closed: then this is all that is left of the range.</param>
/// <param name="Address">The guest-physical address of the first byte.</param>
/// <param name="Length">The length in bytes.</param>
internal readonly record struct RegionPiece(MemoryRegion? Region, ulong Address, ulong Length);
