namespace Hyperspan.Snapshots;

/// <summary>A section of the caller's own, as a snapshot lists it.</summary>
/// <param name="Name">The name.</param>
/// <param name="Length">The length in bytes, within the file.</param>
public sealed record SnapshotSectionInfo(string Name, ulong Length)
{
    internal ulong FileOffset { get; init; }

    internal uint Checksum { get; init; }
}
