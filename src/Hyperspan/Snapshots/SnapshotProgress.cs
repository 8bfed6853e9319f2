namespace Hyperspan.Snapshots;

/// <summary>How far an operation on a whole memory has come.</summary>
/// <param name="Done">The bytes of guest memory that are dealt with; those that are absent count.</param>
/// <param name="Total">The bytes of guest memory that there are.</param>
/// <param name="Moved">The bytes that were read or written for it.</param>
public readonly record struct SnapshotProgress(ulong Done, ulong Total, ulong Moved);
