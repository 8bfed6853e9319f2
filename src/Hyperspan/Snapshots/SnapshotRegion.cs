namespace Hyperspan.Snapshots;

/// <summary>A region of guest memory as a snapshot knows it.</summary>
public sealed record SnapshotRegion
{
    /// <summary>Initializes a new instance of the <see cref="SnapshotRegion"/> class.</summary>
    /// <param name="range">The guest-physical addresses.</param>
    /// <param name="name">The name of what stood behind it.</param>
    /// <param name="pageSize">The size in bytes of the pages it was on: 4 KiB, or that of huge pages.</param>
    /// <param name="protection">What the guest may do with it.</param>
    public SnapshotRegion(GuestRange range, string name, ulong pageSize, Protection protection)
    {
        Range = range;
        Name = name;
        PageSize = pageSize;
        Protection = protection;
    }

    /// <summary>Gets the guest-physical addresses.</summary>
    public GuestRange Range { get; internal init; }

    /// <summary>Gets the name of what stood behind it.</summary>
    public string Name { get; }

    /// <summary>Gets the size in bytes of the pages it was on: 4 KiB, or that of huge pages.</summary>
    public ulong PageSize { get; }

    /// <summary>Gets what the guest may do with it.</summary>
    public Protection Protection { get; }

    /// <summary>Gets the guest-physical address of the first byte.</summary>
    public GuestAddress Start => Range.Start;

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length => Range.Length;

    /// <summary>Gets a value indicating whether it begins with a page.</summary>
    internal bool IsAligned => (Range.Start.Value & (SnapshotFormat.PageSize - 1)) == 0;

    /// <summary>The pages of a chunk that belong to this region, if only by a byte.</summary>
    internal ulong PagesOf(ulong chunk)
    {
        ulong first = Range.Start.Value >> SnapshotFormat.PageShift;
        ulong last = Range.Last!.Value.Value >> SnapshotFormat.PageShift;
        ulong start = chunk << (SnapshotFormat.ChunkShift - SnapshotFormat.PageShift);
        ulong end = start + (SnapshotFormat.ChunkPages - 1);
        return last < start || first > end
            ? 0
            : SnapshotFormat.Pages((int)(Math.Max(first, start) - start), (int)(Math.Min(last, end) - start) + 1);
    }
}
