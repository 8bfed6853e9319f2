using System.Buffers.Binary;
using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <content>Saving memory, and opening what was saved.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>Saves a guest's memory to a file.</summary>
    /// <param name="memory">The memory. It is not stopped: whoever wants all of it as of one moment pauses the guest first.</param>
    /// <param name="path">The path. A file there is replaced when the new one is complete and on the disk: at any moment there is the old one or the new one.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved.</returns>
    /// <exception cref="ArgumentException">
    /// Two sections have one name, or a name is too long; or the path is that of a snapshot this one would be a difference to, or of a file that holds the memory; or the earlier
    /// snapshot is a difference to 255 others, the most there may be.
    /// </exception>
    /// <exception cref="GuestMemoryException">A page could not be read.</exception>
    /// <exception cref="IOException">The file could not be written: a full disk, for instance.</exception>
    /// <exception cref="InvalidSnapshotException">The earlier snapshot is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <remarks>
    /// Its own memory does not grow with that of the guest: pages that were never touched are not looked at, as far as the kernel tells which these are.
    /// </remarks>
    public static async Task<SnapshotSaved> SaveAsync(
        GuestMemory memory,
        string path,
        SnapshotSaveOptions? options = null,
        IProgress<SnapshotProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new SnapshotSaveOptions();
        using var image = new GuestMemoryImage(memory, options.SkipUnreadable);
        RequireOtherThanMemory(memory, path);
        return await SaveAsync(image, path, options, progress, cancellationToken);
    }

    /// <summary>Saves a guest's memory to a stream, from where it stands on. The stream need not be able to seek; it is flushed, and stays open.</summary>
    /// <param name="memory">The memory. It is not stopped.</param>
    /// <param name="stream">The stream. What is read back later is to begin where it stands now.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it in the middle.</param>
    /// <returns>What was saved.</returns>
    /// <inheritdoc cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)" path="/exception"/>
    public static async Task<SnapshotSaved> SaveAsync(
        GuestMemory memory,
        Stream stream,
        SnapshotSaveOptions? options = null,
        IProgress<SnapshotProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new SnapshotSaveOptions();
        using var image = new GuestMemoryImage(memory, options.SkipUnreadable);
        return await SaveAsync(image, stream, options, progress, cancellationToken);
    }

    /// <inheritdoc cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>
    public static Task<SnapshotSaved> SaveAsync(GuestMemory memory, string path, CancellationToken cancellationToken) =>
        SaveAsync(memory, path, options: null, progress: null, cancellationToken);

    /// <inheritdoc cref="SaveAsync(GuestMemory, Stream, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>
    public static Task<SnapshotSaved> SaveAsync(GuestMemory memory, Stream stream, CancellationToken cancellationToken) =>
        SaveAsync(memory, stream, options: null, progress: null, cancellationToken);

    /// <summary>
    /// Saves a guest's memory to a file, and blocks until it is on the disk; see
    /// <see cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>.
    /// </summary>
    /// <param name="memory">The memory. It is not stopped.</param>
    /// <param name="path">The path. A file there is replaced when the new one is complete and on the disk.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <returns>What was saved.</returns>
    /// <inheritdoc cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)" path="/exception"/>
    public static SnapshotSaved Save(GuestMemory memory, string path, SnapshotSaveOptions? options = null) =>
        Task.Run(() => SaveAsync(memory, path, options)).GetAwaiter().GetResult();

    /// <summary>Opens a snapshot, and those it is a difference to.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="earlier">
    /// Where earlier snapshots may be that are not where the difference says. They are told by their identity; those of others are not used.
    /// </param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="ArgumentException">A path is empty, or has a null character in it.</exception>
    /// <exception cref="FileNotFoundException">The file, or one it is a difference to, is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read, or is a directory.</exception>
    /// <exception cref="IOException">A file is no regular one, or could not be read.</exception>
    /// <exception cref="InvalidSnapshotException">A file is no snapshot that can be read here, or the one at the place of an earlier snapshot is another.</exception>
    public static GuestMemorySnapshot Open(string path, IReadOnlyList<string>? earlier = null)
    {
        foreach (string other in earlier ?? [])
        {
            ArgumentException.ThrowIfNullOrEmpty(other, nameof(earlier));
            if (other.Contains('\0', StringComparison.Ordinal))
            {
                throw new ArgumentException("A path has no null character in it.", nameof(earlier));
            }
        }

        var files = new List<SnapshotFile>();
        var elsewhere = new EarlierSnapshots(earlier ?? []);
        try
        {
            files.Add(SnapshotFile.Open(path));
            while (files[^1].ParentId is { } id)
            {
                if (files.Count == SnapshotFormat.DeepestChain)
                {
                    throw new InvalidSnapshotException(
                        path, string.Create(CultureInfo.InvariantCulture, $"is a difference to more than {SnapshotFormat.DeepestChain - 1} others: merge some"));
                }

                if (files.Exists(file => file.Id == id))
                {
                    throw files[^1].Damaged("it is a difference to itself");
                }

                files.Add(FindParent(files[^1], id, elsewhere));
            }

            return new GuestMemorySnapshot(path, [.. files]);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>Tells a snapshot by its first bytes. That it can be opened is not said.</summary>
    /// <param name="path">The path of a file.</param>
    /// <returns>Whether the file begins as a snapshot does.</returns>
    /// <exception cref="IOException">The file could not be read, or is no regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static bool IsSnapshot(string path)
    {
        using SafeFileHandle file = FileOpening.OpenRegular(path, out _);
        Span<byte> start = stackalloc byte[8];
        return RandomAccess.Read(file, start, 0) == start.Length && BinaryPrimitives.ReadUInt64LittleEndian(start) == SnapshotFormat.StartMagic;
    }

    /// <summary>Makes a memory that holds what is in a snapshot: all of it is read, checked and copied. Works on every system.</summary>
    /// <param name="path">The path of the file.</param>
    /// <returns>The memory, of <see cref="HeapBacking"/>, with the regions, names and protections of that which was saved. Nothing refers to the file any more.</returns>
    /// <exception cref="FileNotFoundException">The file, or one it is a difference to, is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <exception cref="InvalidSnapshotException">A file is damaged, or no snapshot that can be read here.</exception>
    /// <exception cref="GuestMemoryMappingException">The system has not so much memory left.</exception>
    /// <remarks>Memory that is there already is restored by <see cref="GuestMemorySnapshot.RestoreAsync"/>.</remarks>
    public static GuestMemory Restore(string path)
    {
        using GuestMemorySnapshot snapshot = Open(path);
        return snapshot.Copy();
    }

    /// <summary>Makes a memory over the files of a snapshot, of which pages are read when they are first accessed; see <see cref="CreateMemory"/>.</summary>
    /// <param name="path">The path of the file.</param>
    /// <returns>The memory, writable; what is written stays in this process.</returns>
    /// <exception cref="FileNotFoundException">The file, or one it is a difference to, is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    /// <inheritdoc cref="GuestMemorySnapshot.CreateMemory(string)" path="/exception"/>
    public static GuestMemory Map(string path)
    {
        using GuestMemorySnapshot snapshot = Open(path);
        return snapshot.CreateMemory(System.IO.Path.GetFileName(path));
    }

    private static SnapshotFile FindParent(SnapshotFile file, Guid id, EarlierSnapshots elsewhere)
    {
        if (elsewhere.Find(id) is { } given)
        {
            return given;
        }

        if (string.IsNullOrEmpty(file.ParentPath) || file.ParentPath.Contains('\0', StringComparison.Ordinal))
        {
            throw new InvalidSnapshotException(file.Name, "is a difference to another snapshot, and does not say where that is");
        }

        // Where the file itself is, its chain is. A folder of links to files that lie elsewhere is a chain as well, by the names of the links.
        string expected = ParentPlace(file.Place, file.ParentPath);
        string beside = ParentPlace(file.Name, file.ParentPath);
        if (TryOpenParent(expected, id, out bool isAnother) is { } parent
            || (!string.Equals(beside, expected, StringComparison.Ordinal) && (parent = TryOpenParent(beside, id, out _)) is not null))
        {
            return parent;
        }

        throw isAnother
            ? new InvalidSnapshotException(file.Name, $"is a difference to a snapshot that was at {expected}, where another one is now")
            : new FileNotFoundException($"{file.Name}: is a difference to {expected}, which is not there", expected);
    }

    private static string ParentPlace(string path, string parent)
    {
        string folder = System.IO.Path.GetDirectoryName(FullPaths.Of(path))!;
        return FullPaths.Shorten(System.IO.Path.GetFullPath(System.IO.Path.Combine(folder, parent)));
    }

    private static SnapshotFile? TryOpenParent(string path, Guid id, out bool isAnother)
    {
        isAnother = false;
        SnapshotFile candidate;
        try
        {
            candidate = SnapshotFile.Open(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        if (candidate.Id == id)
        {
            return candidate;
        }

        candidate.Dispose();
        isAnother = true;
        return null;
    }
}
