using System.Diagnostics.CodeAnalysis;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Snapshots;

/// <content>Saving while the guest runs.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>
    /// Saves a guest's memory to a file as of one moment, while the guest and everybody else in this process go on writing it: pages are protected, and what one holds is
    /// kept before it is written for the first time.
    /// </summary>
    /// <param name="memory">The memory. It need not be paused.</param>
    /// <param name="path">The path. A file there is replaced when the new one is complete and on the disk: at any moment there is the old one or the new one.</param>
    /// <param name="options">
    /// What is saved, and how; <see langword="null"/> for a full snapshot. <see cref="SnapshotSaveOptions.Captured"/> tells when the moment has come.
    /// <see cref="SnapshotSaveOptions.Changed"/> must name all that was written up to it: collect it while nobody writes, and let them go on when that is called.
    /// </param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved.</returns>
    /// <exception cref="ArgumentException">
    /// Two sections have one name, or a name is too long; or the path is that of a snapshot this one would be a difference to.
    /// </exception>
    /// <exception cref="GuestMemoryException">A page could not be read, or the memory was disposed meanwhile.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The kernel does not protect such memory, or something else watches it: a <see cref="DirtyLog"/> with <see cref="DirtyLogScope.Mapping"/>.
    /// </exception>
    /// <exception cref="IOException">The file could not be written, or what was to be kept could not: a full disk, for instance.</exception>
    /// <exception cref="InvalidSnapshotException">The earlier snapshot is damaged.</exception>
    /// <exception cref="NotSupportedException">
    /// The memory is of a kind that cannot be saved so: another process writes it (<see cref="ForeignBacking"/>), its pages come and go (<see cref="SparseBacking"/>), it
    /// has no mapping, or it is a file on a disk.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="PlatformNotSupportedException">
    /// The system cannot do it, or this process may not ask: it needs Linux 5.19, userfaultfd(2) for all faults, and machine code (<see cref="HyperspanAbility.LiveSnapshots"/>).
    /// </exception>
    /// <remarks>
    /// <para>
    /// Who writes is held while everything is protected, some milliseconds a GiB, and then once for each page that it writes before it was saved, until 4 KiB have been
    /// copied. What is kept takes at most 64 MiB of memory, and beyond that room beside the file, until the saving ends. However it ends, nothing stays protected.
    /// </para>
    /// <para>
    /// Not seen, and so saved with what it has when it is read: what is written through another mapping of the same memory, here or in another process; to the file itself;
    /// by a device to pages that were given to it before. Pages that are discarded by madvise(2), or by holes that are punched into a file, are saved as zeros if they were
    /// not saved yet: the kernel tells nobody in time. Not so those that <see cref="SharedBacking.Discard"/> gives back: they are saved as they were.
    /// </para>
    /// </remarks>
    public static async Task<SnapshotSaved> SaveLiveAsync(
        GuestMemory memory,
        string path,
        SnapshotSaveOptions? options = null,
        IProgress<SnapshotProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new SnapshotSaveOptions();
        RequireOtherThanMemory(memory, path);
        string folder = System.IO.Path.GetDirectoryName(FullPaths.Of(path))!;
        return await SaveLiveAsync(memory, folder, options, image => SaveAsync(image, path, options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Saves a guest's memory to a stream as of one moment, while everybody goes on writing it. The stream need not be able to seek; it is flushed, and stays open.
    /// </summary>
    /// <param name="memory">The memory. It need not be paused.</param>
    /// <param name="stream">The stream. What is read back later is to begin where it stands now.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it in the middle.</param>
    /// <returns>What was saved.</returns>
    /// <remarks>What is kept beyond 64 MiB takes room in the folder for temporary files.</remarks>
    /// <inheritdoc cref="SaveLiveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)" path="/exception"/>
    public static async Task<SnapshotSaved> SaveLiveAsync(
        GuestMemory memory,
        Stream stream,
        SnapshotSaveOptions? options = null,
        IProgress<SnapshotProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new SnapshotSaveOptions();
        return await SaveLiveAsync(
            memory, System.IO.Path.GetTempPath(), options, image => SaveAsync(image, stream, options, progress, cancellationToken), cancellationToken);
    }

    [SuppressMessage("Reliability", "CA2025", Justification = "The saving is awaited before what it uses is disposed.")]
    private static async Task<SnapshotSaved> SaveLiveAsync(
        GuestMemory memory, string folder, SnapshotSaveOptions options, Func<MemoryImage, Task<SnapshotSaved>> saveAsync, CancellationToken cancellationToken)
    {
        HyperspanEnvironment.Demand(HyperspanAbility.LiveSnapshots);
        cancellationToken.ThrowIfCancellationRequested();
        using FileStream spill = SpillFile.Create(folder);
        using var image = new LiveMemoryImage(memory, options.SkipUnreadable, spill.SafeFileHandle);
        await Task.Run(
            () =>
            {
                image.Capture();
                options.Captured?.Invoke();
            },
            CancellationToken.None);
        SnapshotSaved saved = await saveAsync(image);
        return saved with { KeptBytes = image.KeptBytes };
    }
}
