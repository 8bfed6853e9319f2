namespace Hyperspan.Tool.Snapshots;

/// <summary>What is told of a snapshot.</summary>
internal sealed record SnapshotReport
{
    public required string Path { get; init; }

    public required Guid Id { get; init; }

    public Guid? Parent { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Gets the length of its own file.</summary>
    public required ulong FileBytes { get; init; }

    /// <summary>Gets the bytes of all regions.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>Gets the bytes of pages that are stored, in it or in those it is a difference to.</summary>
    public required ulong StoredBytes { get; init; }

    /// <summary>Gets the bytes of pages that differ from the earlier snapshot, for a difference.</summary>
    public ulong? ChangedBytes { get; init; }

    public required IReadOnlyList<SnapshotRegionReport> Regions { get; init; }

    public required IReadOnlyList<SnapshotSectionReport> Sections { get; init; }

    /// <summary>Gets the files it consists of, the newest first.</summary>
    public required IReadOnlyList<string> Chain { get; init; }

    /// <summary>Gets whether every byte was read and is as it was written; where that was asked.</summary>
    public bool? Verified { get; init; }

    /// <summary>Gets why it is not.</summary>
    public string? Error { get; init; }

    /// <summary>Gets how long it took.</summary>
    public double? Seconds { get; init; }
}
