namespace Hyperspan.Tool.Dumps;

/// <summary>A run of memory in a dump.</summary>
/// <param name="Start">Its first guest-physical address.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="FileOffset">Where its bytes begin in the file.</param>
internal sealed record DumpSegmentReport(GuestAddress Start, ulong Length, ulong FileOffset);
