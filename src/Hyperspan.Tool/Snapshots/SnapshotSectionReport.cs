namespace Hyperspan.Tool.Snapshots;

/// <summary>Something of the saver's own in a snapshot.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Its length in bytes.</param>
internal sealed record SnapshotSectionReport(string Name, ulong Length);
