namespace Hyperspan.Tool.Snapshots;

/// <summary>Where two snapshots differ.</summary>
/// <param name="One">The first of them.</param>
/// <param name="Two">The other.</param>
/// <param name="Bytes">The bytes of pages that differ.</param>
/// <param name="Ranges">The pages that differ.</param>
internal sealed record DifferenceReport(string One, string Two, ulong Bytes, IReadOnlyList<GuestRange> Ranges);
