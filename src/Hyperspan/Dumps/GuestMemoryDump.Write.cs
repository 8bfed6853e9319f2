using Hyperspan.Snapshots;

namespace Hyperspan.Dumps;

/// <content>Writing.</content>
public sealed partial class GuestMemoryDump
{
    /// <summary>Writes a guest's memory as a dump.</summary>
    /// <param name="memory">The memory. It is not stopped.</param>
    /// <param name="path">The path. A file there is replaced when the new one is complete. It is for its owner alone.</param>
    /// <param name="options">The format, and what there is beside the memory; <see langword="null"/> for an ELF core.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>A task that ends when all is written.</returns>
    /// <exception cref="ArgumentException">The path is that of a file that holds the memory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The format is none of those named.</exception>
    /// <exception cref="GuestMemoryException">A page could not be read.</exception>
    /// <exception cref="IOException">The file could not be written: a full disk, or addresses that are too large for the format.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async Task WriteAsync(
        GuestMemory memory, string path, DumpOptions? options = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        using var image = new GuestMemoryImage(memory, skipUnreadable: false);
        GuestMemorySnapshot.RequireOtherThanMemory(memory, path);
        await WriteAsync(image, path, options ?? new DumpOptions(), progress, cancellationToken);
    }

    /// <summary>
    /// Writes a guest's memory as a dump, and blocks until it is written; see
    /// <see cref="WriteAsync(GuestMemory, string, DumpOptions?, IProgress{SnapshotProgress}?, CancellationToken)"/>.
    /// </summary>
    /// <param name="memory">The memory. It is not stopped.</param>
    /// <param name="path">The path. A file there is replaced when the new one is complete.</param>
    /// <param name="format">The format.</param>
    /// <inheritdoc cref="WriteAsync(GuestMemory, string, DumpOptions?, IProgress{SnapshotProgress}?, CancellationToken)" path="/exception"/>
    public static void Write(GuestMemory memory, string path, DumpFormat format = DumpFormat.Elf)
    {
        RequireFormat(format, nameof(format));
        Task.Run(() => WriteAsync(memory, path, new DumpOptions { Format = format })).GetAwaiter().GetResult();
    }

    /// <summary>Writes the memory in a snapshot as a dump.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="path">The path, as in the other.</param>
    /// <param name="options">The format, and what there is beside the memory; <see langword="null"/> for an ELF core.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>A task that ends when all is written.</returns>
    /// <exception cref="ArgumentException">The path is that of the snapshot, or of one that it is a difference to.</exception>
    /// <exception cref="InvalidSnapshotException">The snapshot is damaged.</exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Task WriteAsync(
        GuestMemorySnapshot snapshot, string path, DumpOptions? options = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        snapshot.RequireOther(path);
        return WriteAsync(snapshot.Image(), path, options ?? new DumpOptions(), progress, cancellationToken);
    }

    /// <summary>Writes the memory in this dump as another one. The notes of an ELF core or a kdump are taken over into another.</summary>
    /// <param name="path">The path, as in the others.</param>
    /// <param name="format">The format of the other.</param>
    /// <param name="skipZero">Whether pages that are zero are left out of the list of what there is: see <see cref="DumpOptions.SkipZero"/>.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>A task that ends when all is written.</returns>
    /// <exception cref="ArgumentException">The path is that of this dump.</exception>
    /// <exception cref="IOException">A file could not be read or written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public Task ConvertAsync(
        string path, DumpFormat format, bool skipZero, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequireOther(path);
        RequireFormat(format, nameof(format));
        return WriteAsync(Image(), path, new DumpOptions { Format = format, SkipZero = skipZero, Notes = _notes, Machine = Machine }, progress, cancellationToken);
    }

    private static void RequireFormat(DumpFormat format, string parameter)
    {
        if (format is < DumpFormat.Raw or > DumpFormat.Kdump)
        {
            throw new ArgumentOutOfRangeException(parameter, format, "There is no such format.");
        }
    }

    private void RequireOther(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RegularFile.RequireOther(path, [_file], "is what is read");
    }

    private static async Task WriteAsync(MemoryImage image, string path, DumpOptions options, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RequireFormat(options.Format, nameof(options));
        foreach (X64Registers registers in options.Processors)
        {
            ArgumentNullException.ThrowIfNull(registers, nameof(options));
        }

        await ReplacedFile.WriteAsync(path, isDurable: true, file => Task.Run(
            () =>
            {
                if (options.Format == DumpFormat.Kdump)
                {
                    new KdumpWriter(file, image, options).Write(progress, cancellationToken);
                }
                else
                {
                    new DumpWriter(file, image, options).Write(progress, cancellationToken);
                }

                return true;
            },
            cancellationToken));
    }
}
