namespace Hyperspan;

/// <summary>A fault as a region sees it, before it is known what the caller asked for.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Cause">What made the access fail.</param>
/// <param name="Offset">The lowest offset in the region that could not be accessed.</param>
/// <param name="Exception">The backing's exception, if any.</param>
internal readonly record struct RegionFault(GuestMemoryFaultKind Kind, FaultCause Cause, ulong Offset, Exception? Exception = null);
