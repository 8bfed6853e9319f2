namespace Hyperspan.Dumps;

/// <summary>A run of guest memory in a dump: where it was, and where in the file its bytes are.</summary>
/// <param name="Range">The guest-physical addresses.</param>
/// <param name="FileOffset">Where its bytes begin in the file; of a compressed kdump, where the descriptor of its first page is.</param>
/// <param name="FileLength">How many of its bytes are there; those after them are zero.</param>
public sealed record DumpSegment(GuestRange Range, ulong FileOffset, ulong FileLength);
