using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Snapshots;

/// <summary>
/// A guest's memory as it was, in a file: a full snapshot, or a difference together with the snapshots it is a difference to. The format is documented in
/// docs/snapshots.md.
/// </summary>
/// <remarks>
/// <para>
/// Nothing in a file is trusted: one that is damaged, or was made to do damage, is an <see cref="InvalidSnapshotException"/>, at opening or when the damaged part is
/// read. The bytes are checked whenever they are read, except where <see cref="CreateMemory"/> maps them.
/// </para>
/// <para>All members are safe to use from several threads. Disposing it closes the files; a memory that <see cref="CreateMemory"/> made keeps its own.</para>
/// </remarks>
[DebuggerDisplay("{Path}, {Id}")]
public sealed partial class GuestMemorySnapshot : IDisposable
{
    private readonly SnapshotFile[] _files;

    internal GuestMemorySnapshot(string path, SnapshotFile[] files)
    {
        Path = path;
        _files = files;

        // While the path means what it meant when it was opened.
        OwnPlace = files[0].Place;
    }

    /// <summary>Gets the path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Gets where its file is itself.</summary>
    internal string OwnPlace { get; }

    /// <summary>Gets the identity, made when it was saved.</summary>
    public Guid Id => _files[0].Id;

    /// <summary>Gets the identity of the snapshot that this one is a difference to, or <see langword="null"/> for a full one.</summary>
    public Guid? ParentId => _files[0].ParentId;

    /// <summary>Gets when it was saved.</summary>
    public DateTimeOffset CreatedAt => _files[0].CreatedAt;

    /// <summary>Gets the regions of the memory, in the order of their addresses.</summary>
    public IReadOnlyList<SnapshotRegion> Regions => _files[0].Regions.All;

    /// <summary>Gets what else was kept.</summary>
    public IReadOnlyList<SnapshotSectionInfo> Sections => _files[0].Sections;

    /// <summary>Gets the length of its own file in bytes.</summary>
    public ulong FileBytes => _files[0].Length;

    /// <summary>Gets the paths of the files it consists of: its own, then the one it is a difference to, up to a full one.</summary>
    public IReadOnlyList<string> Chain => [.. _files.Select(file => file.Name)];

    /// <summary>All of its memory, for one thread.</summary>
    internal SnapshotImage Image() => new(_files, _files[0].Regions);

    /// <summary>Asks whether a snapshot is this one, or one of those that it is a difference to.</summary>
    /// <param name="id">The identity of the other.</param>
    /// <returns>Whether it is.</returns>
    public bool ConsistsOf(Guid id) => Array.Exists(_files, file => file.Id == id);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SnapshotFile file in _files)
        {
            file.Dispose();
        }
    }

    /// <summary>Lists the pages whose bytes are not zero for certain, whichever of the files has them, as ranges of whole pages of 4 KiB in ascending order.</summary>
    /// <returns>The ranges, found as they are asked for.</returns>
    /// <exception cref="InvalidSnapshotException">An index is damaged.</exception>
    public IEnumerable<GuestRange> GetStoredRanges() => PageRanges.Join(Image().Chunks());

    /// <summary>Lists the pages of which this file itself says something, not those it is a difference to: what differs from the earlier one.</summary>
    /// <returns>The ranges, found as they are asked for.</returns>
    /// <exception cref="InvalidSnapshotException">An index is damaged.</exception>
    public IEnumerable<GuestRange> GetOwnRanges() => PageRanges.Join(OwnChunks());

    /// <summary>Copies bytes out of the snapshot. Memory that is not stored is zero.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the regions.</exception>
    /// <exception cref="InvalidSnapshotException">The file is damaged there.</exception>
    public void Read(GuestAddress address, Span<byte> destination)
    {
        SnapshotImage image = Image();
        byte[] page = new byte[SnapshotFormat.PageSize];
        for (ulong at = address.Value; !destination.IsEmpty;)
        {
            if (!Regions.Any(region => region.Range.Contains(at)))
            {
                throw new ArgumentOutOfRangeException(nameof(address), string.Create(CultureInfo.InvariantCulture, $"The snapshot has no memory at 0x{at:x}."));
            }

            int offset = (int)(at & (SnapshotFormat.PageSize - 1));
            int length = Math.Min(destination.Length, SnapshotFormat.PageSize - offset);
            int number = (int)(at >> SnapshotFormat.PageShift) & (SnapshotFormat.ChunkPages - 1);
            image.Read(at >> SnapshotFormat.ChunkShift, 1UL << number, page);
            page.AsSpan(offset, length).CopyTo(destination);
            destination = destination[length..];
            at += (ulong)length;
        }
    }

    /// <summary>Reads a section of the caller's own, and checks it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="limit">The longest that is accepted, in bytes.</param>
    /// <returns>The bytes, or <see langword="null"/> where there is none of this name.</returns>
    /// <exception cref="InvalidSnapshotException">The section is longer, or damaged.</exception>
    public byte[]? ReadSection(string name, int limit)
    {
        SnapshotFile file = _files[0];
        SnapshotSectionInfo? info = file.Sections.FirstOrDefault(section => string.Equals(section.Name, name, StringComparison.Ordinal));
        if (info is null)
        {
            return null;
        }

        if (info.Length > (ulong)limit)
        {
            throw new InvalidSnapshotException(file.Name, string.Create(CultureInfo.InvariantCulture, $"the section '{name}' has {info.Length} bytes, more than {limit}"));
        }

        byte[] bytes = new byte[info.Length];
        file.ReadAt(info.FileOffset, bytes);
        return SnapshotFormat.Checksum(bytes) == info.Checksum ? bytes : throw file.Damaged($"the checksum of the section '{name}' does not agree");
    }

    /// <summary>Reads every byte of the files and checks it.</summary>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all is checked.</returns>
    /// <exception cref="InvalidSnapshotException">A file is damaged.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public Task VerifyAsync(IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            ulong total = _files.Aggregate(0UL, (sum, file) => sum + file.Regions.TotalBytes);
            ulong before = 0;
            ulong moved = 0;
            byte[] buffer = new byte[SnapshotFormat.ChunkSize];
            foreach (SnapshotFile file in _files)
            {
                var meter = new ProgressMeter(file.Regions, progress, before, total);
                for (ulong from = 0; file.TryNext(from, out SnapshotEntry entry); from = entry.Chunk + 1)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (entry.Stored != 0)
                    {
                        file.ReadPages(entry, buffer.AsSpan(0, entry.StoredBytes));
                        moved += entry.FileLength;
                    }

                    meter.Report(entry.Chunk, moved);
                }

                VerifySections(file, buffer, cancellationToken);
                before += file.Regions.TotalBytes;
            }

            progress?.Report(new SnapshotProgress(total, total, moved));
        },
        cancellationToken);

    /// <summary>Says which file it is of: <c>GuestMemorySnapshot 'base.snap', 2 regions, 0x10000000 bytes</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{nameof(GuestMemorySnapshot)} '{Path}', {Regions.Count} regions, 0x{_files[0].Regions.TotalBytes:x} bytes");

    private static void VerifySections(SnapshotFile file, byte[] buffer, CancellationToken cancellationToken)
    {
        foreach (SnapshotSectionInfo section in file.Sections)
        {
            uint checksum = uint.MaxValue;
            for (ulong done = 0; done < section.Length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min((ulong)buffer.Length, section.Length - done));
                file.ReadAt(section.FileOffset + done, piece);
                checksum = SnapshotFormat.Checksum(checksum, piece);
                done += (ulong)piece.Length;
            }

            if (~checksum != section.Checksum)
            {
                throw file.Damaged($"the checksum of the section '{section.Name}' does not agree");
            }
        }
    }

    private IEnumerable<(ulong Chunk, ulong Pages)> OwnChunks()
    {
        SnapshotFile file = _files[0];
        for (ulong from = 0; file.TryNext(from, out SnapshotEntry entry); from = entry.Chunk + 1)
        {
            yield return (entry.Chunk, entry.Said);
        }
    }
}
