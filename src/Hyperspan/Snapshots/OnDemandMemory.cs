using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Snapshots;

/// <summary>
/// A guest's memory that can be used at once, though its pages are still somewhere else: each is put in place when it is first accessed, with the others of its 256 KiB that are
/// stored, or before, by <see cref="PrefetchAsync"/>. Linux only.
/// </summary>
/// <remarks>
/// <para>
/// Accesses through <see cref="Memory"/> bring pages; no thread ever waits in the kernel for one (userfaultfd with UFFD_FEATURE_SIGBUS). A page that cannot be had is a
/// fault that carries the cause, for whoever asked for it; all else goes on, and the next access to the page asks again.
/// </para>
/// <para>
/// System calls that are handed an address of the mapping see missing pages as EFAULT: pin the range first, as this library's own transfers do. What discards pages of the
/// mapping (madvise) has them fault for good. Regions of a snapshot that begin in the middle of a page are copied at the start.
/// </para>
/// <para>All members are safe to use from several threads. Dispose it, not the memory: accesses that wait for a page then end.</para>
/// </remarks>
[DebuggerDisplay("{FetchedBytes} of {StoredBytes} bytes")]
public sealed class OnDemandMemory : IDisposable
{
    private readonly OnDemandPages _pages;

    private OnDemandMemory(OnDemandPages pages, GuestMemory memory)
    {
        _pages = pages;
        Memory = memory;
    }

    /// <summary>Gets the memory, at the addresses of the source's regions; writable, private to this process.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Gets the bytes of pages that the source has.</summary>
    public ulong StoredBytes => _pages.StoredPages << SnapshotFormat.PageShift;

    /// <summary>Gets the bytes of these that are in place by now.</summary>
    public ulong FetchedBytes => _pages.FetchedPages << SnapshotFormat.PageShift;

    /// <summary>Makes a memory whose pages come from a snapshot.</summary>
    /// <param name="snapshot">The snapshot. It stays the caller's, and open for as long as the memory is used.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <returns>The memory.</returns>
    /// <exception cref="InvalidSnapshotException">Its index is damaged.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused the addresses or the memory.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux, or userfaultfd is refused.</exception>
    public static OnDemandMemory Create(GuestMemorySnapshot snapshot, OnDemandOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return Create(new SnapshotPageSource(snapshot), options, snapshot);
    }

    /// <summary>Makes a memory whose pages come from a source of the caller's own.</summary>
    /// <param name="source">The source.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <returns>The memory.</returns>
    /// <exception cref="ArgumentException">The source's regions are not in order, share a page, or begin in the middle of one.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused the addresses or the memory.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux, or userfaultfd is refused.</exception>
    public static OnDemandMemory Create(IPageSource source, OnDemandOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        RequireOrder(source);
        return Create(source, options, snapshot: null);
    }

    private static OnDemandMemory Create(IPageSource source, OnDemandOptions? options, GuestMemorySnapshot? snapshot)
    {
        options ??= new OnDemandOptions();
        var pages = new OnDemandPages(source, options.PageTimeout);
        var made = new List<OnDemandBacking>();
        try
        {
            var builder = new GuestMemoryBuilder(options.Name);
            foreach (SnapshotRegion region in source.Regions)
            {
                OnDemandBacking backing = pages.Add(region);
                made.Add(backing);
                builder.AddRegion(region.Range.Start, backing, protection: region.Protection);
            }

            foreach (SnapshotRegion region in snapshot?.Regions.Where(region => !region.IsAligned) ?? [])
            {
                builder.AddRegion(region.Range.Start, snapshot!.Copy(region), protection: region.Protection);
            }

            return new OnDemandMemory(pages, builder.Build());
        }
        catch
        {
            made.ForEach(backing => backing.DisposeAndUnmap());
            pages.Dispose();
            throw;
        }
    }

    /// <summary>Puts pages in place before they are accessed.</summary>
    /// <param name="order">
    /// Which, and in which order: <see cref="GetTouchedRanges"/> of an earlier run, for instance; <see langword="null"/> for all that are stored, by
    /// address.
    /// </param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all are there.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    /// <remarks>What the source throws ends it; pages that are missing still come when they are accessed.</remarks>
    public Task PrefetchAsync(IEnumerable<GuestRange>? order = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default) => Task.Run(
        async () =>
        {
            var meter = order is null ? new ProgressMeter(_pages.Map, progress) : null;
            ulong moved = 0;
            foreach (ulong chunk in _pages.ChunksOf(order ?? _pages.Map.All.Select(region => region.Range)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (_pages.LacksStored(chunk))
                {
                    await _pages.PrefetchAsync(chunk, cancellationToken);
                    moved += SnapshotFormat.ChunkSize;
                }

                meter?.Report(chunk, moved);
            }

            progress?.Report(new SnapshotProgress(_pages.Map.TotalBytes, _pages.Map.TotalBytes, moved));
        },
        cancellationToken);

    /// <summary>
    /// Lists what accesses asked for, in the order in which they did so first: pieces of 256 KiB. Given to <see cref="PrefetchAsync"/> the next time, these come
    /// first.
    /// </summary>
    /// <returns>The ranges.</returns>
    public IReadOnlyList<GuestRange> GetTouchedRanges() => _pages.Touched();

    /// <summary>Closes the memory. Accesses that wait for a page fail.</summary>
    public void Dispose()
    {
        _pages.End();
        Memory.Dispose();
        _pages.Dispose();
    }

    /// <summary>Says how much is there: <c>OnDemandMemory 'restored', 0x40000 of 0x100000 bytes</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{nameof(OnDemandMemory)} '{Memory.Name}', 0x{FetchedBytes:x} of 0x{StoredBytes:x} bytes");

    private static void RequireOrder(IPageSource source)
    {
        IReadOnlyList<SnapshotRegion> regions = source.Regions;
        for (int i = 0; i < regions.Count; i++)
        {
            if (regions[i] is not { Range.IsEmpty: false, IsAligned: true } region
                || (i > 0 && regions[i - 1].Range.Last!.Value.PageNumber >= region.Range.FirstPageNumber))
            {
                throw new ArgumentException("The regions of the source are not in order, share a page, or begin in the middle of one.", nameof(source));
            }
        }
    }
}
