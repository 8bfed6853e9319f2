using System.Diagnostics;

namespace Hyperspan.Snapshots;

/// <summary>What is saved, and how.</summary>
[DebuggerDisplay("Since = {Since}, Compress = {Compress}")]
public sealed class SnapshotSaveOptions
{
    /// <summary>
    /// Gets an earlier snapshot: then only what differs from it is stored, and the new one is read together with it. <see langword="null"/> for a full snapshot.
    /// </summary>
    public GuestMemorySnapshot? Since { get; init; }

    /// <summary>
    /// Gets what can have changed since <see cref="Since"/>, as <see cref="DirtyLog.Collect"/> tells where the log was started before that one was saved. These pages are
    /// stored without a comparison, and nothing else is looked at. <see langword="null"/> has all memory compared with the earlier snapshot. In any order; ranges need not be
    /// whole pages.
    /// </summary>
    public IEnumerable<GuestRange>? Changed { get; init; }

    /// <summary>Gets a value indicating whether pages are compressed (Brotli at its fastest). Chunks that hardly shrink are stored as they are.</summary>
    public bool Compress { get; init; }

    /// <summary>
    /// Gets a value indicating whether pages that cannot be read are left out, and so are zero when they are restored. Otherwise the first one ends the saving. Pages
    /// that a <see cref="SparseBacking"/> has only reserved are left out in either case.
    /// </summary>
    public bool SkipUnreadable { get; init; }

    /// <summary>Gets what else is kept in the snapshot.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public IReadOnlyList<SnapshotSection> Sections { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = [];

    /// <summary>
    /// Gets what is called when the moment has come as of which
    /// <see cref="GuestMemorySnapshot.SaveLiveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/> saves, and nothing of
    /// the memory has been saved yet: a guest that was paused for it can go on. On any thread. What it throws ends the saving. Not called by <c>SaveAsync</c>.
    /// </summary>
    public Action? Captured { get; init; }
}
