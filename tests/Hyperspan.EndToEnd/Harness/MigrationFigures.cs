namespace Hyperspan.EndToEnd.Harness;

/// <summary>What QEMU says of a migration that has ended.</summary>
/// <param name="Total">Milliseconds from its start to its end.</param>
/// <param name="Downtime">Milliseconds in which the guest ran on neither side.</param>
/// <param name="Bytes">Bytes of memory that were sent.</param>
internal sealed record MigrationFigures(long Total, long Downtime, long Bytes);
