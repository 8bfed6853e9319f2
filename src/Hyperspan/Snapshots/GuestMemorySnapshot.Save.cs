using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <content>Saving.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>Saves the memory in this snapshot as another one: a difference to yet another, for instance. Its sections are not taken over.</summary>
    /// <param name="path">The path, as in <see cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved.</returns>
    /// <inheritdoc cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)" path="/exception"/>
    public Task<SnapshotSaved> SaveAsync(
        string path, SnapshotSaveOptions? options = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequireOther(path);
        return SaveAsync(Image(), path, options ?? new SnapshotSaveOptions(), progress, cancellationToken);
    }

    /// <summary>Saves this snapshot, with those it is a difference to, as one that needs no other.</summary>
    /// <param name="path">The path, as in <see cref="SaveAsync(GuestMemory, string, SnapshotSaveOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>.</param>
    /// <param name="compress">Whether pages are compressed.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved: a new snapshot with an identity of its own, and this one's sections.</returns>
    /// <exception cref="ArgumentException">
    /// The path is that of a snapshot that this one is a difference to: others may be differences to it. This one's own place may be taken.
    /// </exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    /// <exception cref="InvalidSnapshotException">A file is damaged.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<SnapshotSaved> MergeAsync(
        string path, bool compress, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RegularFile.RequireOther(path, Handles().Skip(1), "is a snapshot that this is a difference to");
        var sections = new List<SnapshotSection>();
        foreach (SnapshotSectionInfo section in Sections)
        {
            sections.Add(new SnapshotSection(section.Name, new SnapshotSectionStream(_files[0], section)));
        }

        var options = new SnapshotSaveOptions { Compress = compress, Sections = sections };
        return await SaveAsync(Image(), path, options, progress, cancellationToken);
    }

    /// <summary>Refuses the file of a memory as the place for what is made of the memory: whoever maps it would go on with a file that has no name.</summary>
    internal static void RequireOtherThanMemory(GuestMemory memory, string path) =>
        RegularFile.RequireOther(path, memory.GetShareableRegions().Select(static region => region.Handle), "holds the memory itself");

    /// <summary>Refuses the files that this is read from as the place for what is made of it.</summary>
    internal void RequireOther(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RegularFile.RequireOther(path, Handles(), "is what is read");
    }

    internal static Task<SnapshotSaved> SaveAsync(
        MemoryImage image, string path, SnapshotSaveOptions options, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken) =>
        ReplacedFile.WriteAsync(path, isDurable: true, file =>
        {
            string? parent = null;
            if (options.Since is { } since)
            {
                RegularFile.RequireOther(file.FullPath, since.Handles(), "would be a difference to itself");
                // From file to file, not from link to link: those lead elsewhere later, "newest" to this one.
                string place = since.OwnPlace;
                parent = System.IO.Path.GetRelativePath(FileOpening.PlaceOf(System.IO.Path.GetDirectoryName(file.FullPath)!), place);

                // From one deep folder to another it may be longer than the whole path, and than a reader takes.
                parent = System.Text.Encoding.UTF8.GetByteCount(parent) <= SnapshotFormat.LongestName ? parent : place;
            }

            return Task.Run(() => WriteAsync(image, file.Stream, parent, options, progress, cancellationToken), cancellationToken);
        });

    private IEnumerable<SafeFileHandle> Handles() => _files.Select(static file => file.Handle);

    internal static async Task<SnapshotSaved> SaveAsync(
        MemoryImage image, Stream stream, SnapshotSaveOptions options, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        string? parent = options.Since is null ? null : System.IO.Path.GetFileName(options.Since.OwnPlace);
        SnapshotSaved saved = await Task.Run(() => WriteAsync(image, stream, parent, options, progress, cancellationToken), cancellationToken);
        await stream.FlushAsync(cancellationToken);
        return saved;
    }

    private static async Task<SnapshotSaved> WriteAsync(
        MemoryImage image,
        Stream stream,
        string? parentPath,
        SnapshotSaveOptions options,
        IProgress<SnapshotProgress>? progress,
        CancellationToken cancellationToken)
    {
        RequireReadable(options);
        SnapshotImage? earlier = options.Since is { } since ? new SnapshotImage(since._files, image.Regions) : null;
        ChangedPages? changed = options is { Since: not null, Changed: { } ranges } ? new ChangedPages(ranges) : null;
        var writer = new SnapshotWriter(stream, options.Since?.Id, parentPath, options.Compress, compares: changed is null);
        try
        {
            var meter = new ProgressMeter(image.Regions, progress);
            ulong from = 0;
            while (TryNext(image, earlier, changed, from, out ulong chunk, out ulong pages, out ulong looked))
            {
                cancellationToken.ThrowIfCancellationRequested();
                await writer.AddAsync(image, chunk, pages, earlier, looked, cancellationToken);
                meter.Report(chunk, writer.Length);
                from = chunk + 1;
            }

            image.EndReading();
            foreach (SnapshotSection section in options.Sections)
            {
                await writer.AddSectionAsync(section, cancellationToken);
            }

            await writer.EndAsync(image.Regions, cancellationToken);
        }
        catch
        {
            await writer.DrainAsync();
            throw;
        }

        ulong total = image.Regions.TotalBytes;
        progress?.Report(new SnapshotProgress(total, total, writer.Length));
        return new SnapshotSaved(writer.Id, writer.StoredPages, writer.ZeroPages, image.UnreadablePages, writer.Length);
    }

    /// <summary>The next chunk of which something may have to be said: what is there now, and what was there.</summary>
    private static bool TryNext(
        MemoryImage image, SnapshotImage? earlier, ChangedPages? changed, ulong from, out ulong chunk, out ulong pages, out ulong looked)
    {
        while (true)
        {
            looked = ulong.MaxValue;
            if (changed is not null && !changed.TryNext(from, out from, out looked))
            {
                (chunk, pages) = (0, 0);
                return false;
            }

            bool now = image.TryNext(from, out chunk, out pages);
            if (earlier is not null && earlier.TryNext(from, out ulong was, out _) && (!now || was < chunk))
            {
                (chunk, pages, now) = (was, 0, true);
            }

            if (!now || changed is null || chunk == from)
            {
                return now;
            }

            // Between what has changed and what there is: look on from the latter.
            from = chunk;
        }
    }

    /// <summary>Refuses what could not be read again.</summary>
    private static void RequireReadable(SnapshotSaveOptions options)
    {
        if (options.Since is { } since && since._files.Length >= SnapshotFormat.DeepestChain)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"{since.Path}: is a difference to {since._files.Length - 1} others, and one to it could not be read: merge some"),
                nameof(options));
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (SnapshotSection section in options.Sections)
        {
            ArgumentNullException.ThrowIfNull(section, nameof(options));
            if (!names.Add(section.Name))
            {
                throw new ArgumentException($"Two sections are named '{section.Name}'.", nameof(options));
            }

            byte[] name = System.Text.Encoding.UTF8.GetBytes(section.Name);
            if (!string.Equals(System.Text.Encoding.UTF8.GetString(name), section.Name, StringComparison.Ordinal))
            {
                throw new ArgumentException("The name of a section has half of a character in it.", nameof(options));
            }

            if (name.Length > SnapshotFormat.LongestName)
            {
                throw new ArgumentException("The name of a section is longer than 4096 bytes.", nameof(options));
            }
        }

        if (names.Count > SnapshotFormat.MostUserSections)
        {
            throw new ArgumentException("There are more than 4096 sections.", nameof(options));
        }
    }
}
