namespace Hyperspan.Snapshots;

/// <summary>What was saved.</summary>
/// <param name="Id">The identity of the snapshot, which differences to it name.</param>
/// <param name="StoredPages">The pages of 4 KiB whose bytes are in the file.</param>
/// <param name="ZeroPages">The pages that became zero since the earlier snapshot.</param>
/// <param name="UnreadablePages">The pages that could not be read and were left out.</param>
/// <param name="FileBytes">The length of the file in bytes.</param>
public sealed record SnapshotSaved(Guid Id, ulong StoredPages, ulong ZeroPages, ulong UnreadablePages, ulong FileBytes)
{
    /// <summary>Gets how many bytes a live save had to keep, in pages, because they were written before it had come to them; zero of others.</summary>
    public ulong KeptBytes { get; init; }
}
