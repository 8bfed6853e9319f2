namespace Hyperspan.Snapshots;

/// <summary>What was saved.</summary>
public sealed record SnapshotSaved
{
    /// <summary>Initializes a new instance of the <see cref="SnapshotSaved"/> class.</summary>
    /// <param name="id">The identity of the snapshot, which differences to it name.</param>
    /// <param name="storedPages">The pages of 4 KiB whose bytes are in the file.</param>
    /// <param name="zeroPages">The pages that became zero since the earlier snapshot.</param>
    /// <param name="unreadablePages">The pages that could not be read and were left out.</param>
    /// <param name="fileBytes">The length of the file in bytes.</param>
    public SnapshotSaved(Guid id, ulong storedPages, ulong zeroPages, ulong unreadablePages, ulong fileBytes)
    {
        Id = id;
        StoredPages = storedPages;
        ZeroPages = zeroPages;
        UnreadablePages = unreadablePages;
        FileBytes = fileBytes;
    }

    /// <summary>Gets the identity of the snapshot, which differences to it name.</summary>
    public Guid Id { get; }

    /// <summary>Gets the pages of 4 KiB whose bytes are in the file.</summary>
    public ulong StoredPages { get; }

    /// <summary>Gets the pages that became zero since the earlier snapshot.</summary>
    public ulong ZeroPages { get; }

    /// <summary>Gets the pages that could not be read and were left out.</summary>
    public ulong UnreadablePages { get; }

    /// <summary>Gets the length of the file in bytes.</summary>
    public ulong FileBytes { get; }

    /// <summary>Gets how many bytes a live save had to keep, in pages, because they were written before it had come to them; zero of others.</summary>
    public ulong KeptBytes { get; init; }
}
