using System.Numerics;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Snapshots;

/// <content>Restoring by copying.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>Copies all of the snapshot into a memory: afterwards every byte of its regions is as it was.</summary>
    /// <param name="memory">The memory. It has to have the regions, at the same addresses; what else it has is left alone.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it; then some of the memory has been written.</param>
    /// <returns>A task that ends when all is copied.</returns>
    /// <exception cref="GuestMemoryException">The memory lacks a part of a region, or it could not be written.</exception>
    /// <exception cref="InvalidSnapshotException">A file is damaged; some of the memory has been written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public Task RestoreAsync(GuestMemory memory, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return Task.Run(() => Restore(memory, progress, cancellationToken), cancellationToken);
    }

    /// <summary>All of it, in memory of this process.</summary>
    internal GuestMemory Copy()
    {
        var writable = new GuestMemoryBuilder(Path).LeaveBackingsOpen();
        var copy = new GuestMemoryBuilder(System.IO.Path.GetFileName(Path));
        var backings = new List<HeapBacking>();
        try
        {
            foreach (SnapshotRegion region in Regions)
            {
                backings.Add(new HeapBacking(region.Range.Length, new HeapBackingOptions { Name = region.Name, ExactLength = true }));
                writable.AddRegion(region.Range.Start, backings[^1]);
                copy.AddRegion(region.Range.Start, backings[^1], protection: region.Protection);
            }

            using (GuestMemory memory = writable.Build())
            {
                Restore(memory, progress: null, CancellationToken.None);
            }

            return copy.Build();
        }
        catch
        {
            backings.ForEach(backing => backing.DisposeAndUnmap());
            throw;
        }
    }

    private void Restore(GuestMemory memory, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        // All or nothing, as far as it can be known before.
        RegionMap regions = _files[0].Regions;
        foreach (SnapshotRegion region in regions.All)
        {
            if (!memory.Contains(region.Range))
            {
                memory.Read<byte>(FirstMissing(memory, region.Range));
            }
        }

        var stored = new SnapshotImage(_files, regions);
        var meter = new ProgressMeter(regions, progress);
        ulong moved = 0;
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];

        // What the kernel says was never touched is zero already, and stays untouched.
        using var present = new GuestMemoryImage(memory, skipUnreadable: true);
        for (ulong from = 0; TryNextChunk(stored, present, from, out ulong chunk, out ulong pages, out ulong touched); from = chunk + 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> packed = buffer.AsSpan(0, BitOperations.PopCount(pages) << SnapshotFormat.PageShift);
            stored.Read(chunk, pages, packed);
            moved += (ulong)packed.Length;
            Write(memory, regions, chunk, pages, packed);
            Clear(memory, regions, chunk, touched & ~pages);
            meter.Report(chunk, moved);
        }

        ulong total = regions.TotalBytes;
        progress?.Report(new SnapshotProgress(total, total, moved));
    }

    private static ulong FirstMissing(GuestMemory memory, GuestRange range)
    {
        ulong address = range.Start.Value;
        while (memory.TryFindRegion(address, out GuestMemoryRegion? region) && region.Range.Last!.Value.Value < range.Last!.Value.Value)
        {
            address = region.Range.Last.Value.Value + 1;
        }

        return address;
    }

    private static bool TryNextChunk(
        SnapshotImage stored, GuestMemoryImage present, ulong from, out ulong chunk, out ulong pages, out ulong touched)
    {
        bool any = stored.TryNext(from, out chunk, out pages);
        bool other = present.TryNext(from, out ulong there, out touched);
        if (any && (!other || chunk < there))
        {
            touched = 0;
        }
        else if (other && (!any || there < chunk))
        {
            (chunk, pages) = (there, 0);
        }

        return any || other;
    }

    private static void Write(GuestMemory memory, RegionMap regions, ulong chunk, ulong pages, ReadOnlySpan<byte> packed)
    {
        foreach ((GuestRange range, int offset) in Parts(regions, chunk, pages))
        {
            Populate(memory, range);
            memory.Write(range.Start, packed.Slice(offset, (int)range.Length));
        }
    }

    /// <summary>Has the kernel make the pages of a range at once, where each would be a fault of its own. Where it does not, they are.</summary>
    private static unsafe void Populate(GuestMemory memory, GuestRange range)
    {
        if (!OperatingSystem.IsLinux()
            || !memory.TryFindRegion(range.Start, out GuestMemoryRegion? region)
            || region is not { Backing: (HeapBacking or SharedBacking) and { FaultBehavior: FaultBehavior.Never } backing }
            || region.Range.Last!.Value.Value < range.Last!.Value.Value
            || !backing.TryBeginUse())
        {
            return;
        }

        try
        {
            ulong offset = region.BackingOffset + (range.Start.Value - region.Range.Start.Value);
            ulong first = PageMath.RoundDown(offset, PageMath.HostPageSize);

            // SAFETY: whole pages of the backing's mapping, which has them and stays while it is in use; their contents are kept.
            _ = LibC.Madvise(backing.Mapping + first, (nuint)(offset + range.Length - first), MemoryAdvice.PopulateWrite);
        }
        finally
        {
            backing.EndUse();
        }
    }

    private static void Clear(GuestMemory memory, RegionMap regions, ulong chunk, ulong pages)
    {
        foreach ((GuestRange range, _) in Parts(regions, chunk, pages))
        {
            memory.Fill(range.Start, 0, range.Length);
        }
    }

    /// <summary>The parts of pages that are memory, each with where its bytes lie among the packed pages.</summary>
    internal static IEnumerable<(GuestRange Range, int PackedOffset)> Parts(RegionMap regions, ulong chunk, ulong pages)
    {
        ulong start = chunk << SnapshotFormat.ChunkShift;
        for (int i = regions.FirstEndingAtOrAfter(chunk); i < regions.All.Count && regions.All[i].Range.Start.Value >> SnapshotFormat.ChunkShift <= chunk; i++)
        {
            GuestRange region = regions.All[i].Range;
            foreach (BitRun run in new BitRuns(pages & regions.All[i].PagesOf(chunk)))
            {
                ulong runStart = start + ((ulong)run.First << SnapshotFormat.PageShift);
                ulong first = Math.Max(runStart, region.Start.Value);
                ulong last = Math.Min(runStart + (((ulong)run.Count << SnapshotFormat.PageShift) - 1), region.Last!.Value.Value);
                yield return (new GuestRange(first, last - first + 1), SnapshotImage.PackedOffset(pages, run.First) + (int)(first - runStart));
            }
        }
    }
}
