namespace Hyperspan.Snapshots;

/// <summary>A section of the caller's own, as a snapshot lists it.</summary>
public sealed record SnapshotSectionInfo
{
    /// <summary>Initializes a new instance of the <see cref="SnapshotSectionInfo"/> class.</summary>
    /// <param name="name">The name.</param>
    /// <param name="length">The length in bytes, within the file.</param>
    public SnapshotSectionInfo(string name, ulong length)
    {
        Name = name;
        Length = length;
    }

    /// <summary>Gets the name.</summary>
    public string Name { get; }

    /// <summary>Gets the length in bytes, within the file.</summary>
    public ulong Length { get; }

    internal ulong FileOffset { get; init; }

    internal uint Checksum { get; init; }
}
