namespace Hyperspan.Tool.Snapshots;

/// <summary>A region of memory, and how much of it is used.</summary>
/// <param name="Start">Its first address.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Name">Its name.</param>
/// <param name="PageSize">The size of its pages in bytes.</param>
/// <param name="StoredBytes">How much of it is stored.</param>
internal sealed record SnapshotRegionReport(GuestAddress Start, ulong Length, string Name, ulong PageSize, ulong StoredBytes);
