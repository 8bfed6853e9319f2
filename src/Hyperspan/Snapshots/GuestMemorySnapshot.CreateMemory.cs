using System.Numerics;
using Hyperspan.Guarding;

namespace Hyperspan.Snapshots;

/// <content>Mapping.</content>
public sealed partial class GuestMemorySnapshot
{
    // Well below what a process may have (vm.max_map_count, 65530); shorter runs are copied then.
    private const int MostMappings = 30_000;

    /// <summary>
    /// Makes a memory over the files of the snapshot: pages are read from the disk when they are first accessed, and copied when they are first written. Nothing is read before,
    /// except compressed pages, runs where there are very many, and regions that begin in the middle of a page.
    /// </summary>
    /// <param name="name">The name of the memory, used in errors.</param>
    /// <returns>The memory, writable; what is written stays in this process. It may outlive the snapshot.</returns>
    /// <exception cref="InvalidSnapshotException">An index, or a page that is copied, is damaged. Pages that are mapped are not checked: see <see cref="VerifyAsync"/>.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    /// <exception cref="PlatformNotSupportedException">There is no <see cref="HyperspanAbility.MappedFileParts"/> here.</exception>
    public GuestMemory CreateMemory(string name)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedFileParts);
        FaultBehavior behavior = FaultBehavior.MayFault;
        foreach (SnapshotFile file in _files)
        {
            if (FileStallRisk.OfOwnFile(FileDescriptors.FileSystemMagic(file.Handle)) == FaultBehavior.MayBlock)
            {
                behavior = FaultBehavior.MayBlock;
            }
        }

        var backings = new List<MappedSnapshotBacking>();
        try
        {
            var builder = new GuestMemoryBuilder(name);
            foreach (SnapshotRegion region in Regions)
            {
                if (!region.IsAligned)
                {
                    builder.AddRegion(region.Range.Start, Copy(region), protection: region.Protection);
                    continue;
                }

                var backing = new MappedSnapshotBacking(region, behavior);
                backings.Add(backing);
                builder.AddRegion(region.Range.Start, backing, protection: region.Protection);
            }

            MapRuns(backings);
            return builder.Build();
        }
        catch
        {
            backings.ForEach(backing => backing.DisposeAndUnmap());
            throw;
        }
    }

    /// <summary>A region that begins in the middle of a page: its bytes lie otherwise in pages here than in the file.</summary>
    internal HeapBacking Copy(SnapshotRegion region)
    {
        var copy = new HeapBacking(region.Range.Length, new HeapBackingOptions { Name = region.Name, ExactLength = true });
        for (ulong done = 0; done < copy.Length;)
        {
            int piece = (int)Math.Min(SnapshotFormat.ChunkSize, copy.Length - done);
            unsafe
            {
                // SAFETY: inside the mapping, which is known to nobody else yet.
                Read(region.Range.Start.Value + done, new Span<byte>(copy.Mapping + done, piece));
            }

            done += (ulong)piece;
        }

        GC.KeepAlive(copy);
        return copy;
    }

    private void MapRuns(List<MappedSnapshotBacking> backings)
    {
        SnapshotImage image = Image();
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];
        StoredRun run = default;
        int mappings = 0;
        for (ulong from = 0; image.TryNext(from, out ulong chunk, out ulong pages); from = chunk + 1)
        {
            ulong open = pages;
            foreach (SnapshotFile file in _files)
            {
                if (open == 0)
                {
                    break;
                }

                if (!file.TryFind(chunk, out SnapshotEntry entry))
                {
                    continue;
                }

                if (entry.Encoding != SnapshotEncoding.Raw && (entry.Stored & open) != 0)
                {
                    Span<byte> packed = buffer.AsSpan(0, entry.StoredBytes);
                    file.ReadPages(entry, packed);
                    CopyPages(backings, chunk, entry.Stored, entry.Stored & open, packed);
                }
                else
                {
                    foreach (BitRun together in new BitRuns(entry.Stored & open))
                    {
                        var next = new StoredRun(
                            file,
                            (chunk << SnapshotFormat.ChunkShift) + ((ulong)together.First << SnapshotFormat.PageShift),
                            (ulong)together.Count << SnapshotFormat.PageShift,
                            entry.FileOffset + (ulong)SnapshotImage.PackedOffset(entry.Stored, together.First));
                        if (!run.TryJoin(next))
                        {
                            Place(backings, run, ref mappings);
                            run = next;
                        }
                    }
                }

                open &= ~entry.Said;
            }
        }

        Place(backings, run, ref mappings);
    }

    /// <summary>Maps a run, or, when there are too many or the process may have no more, reads it.</summary>
    private static void Place(List<MappedSnapshotBacking> backings, StoredRun run, ref int mappings)
    {
        if (run.File is null)
        {
            return;
        }

        foreach ((MappedSnapshotBacking backing, ulong address, ulong length) in Split(backings, run.Address, run.Length))
        {
            ulong fileOffset = run.FileOffset + (address - run.Address);
            (ulong start, ulong end) = backing.Mappable(address, length, fileOffset);

            // A run in the middle of what is there makes two more.
            if (start < end && mappings < MostMappings && MappingBudget.Take(2) is null)
            {
                if (backing.MapRun(start, end - start, run.File.Handle, fileOffset + (start - address)) is var error and not 0)
                {
                    throw new GuestMemoryMappingException("map the snapshot for", error, backing.Name, (start - backing.PagesStart, end - start));
                }

                mappings++;
                ReadPages(backing, run.File, address, start, fileOffset);
                ReadPages(backing, run.File, end, address + length, fileOffset + (end - address));
                continue;
            }

            ReadPages(backing, run.File, address, address + length, fileOffset);
        }
    }

    private static void ReadPages(MappedSnapshotBacking backing, SnapshotFile file, ulong start, ulong end, ulong fileOffset)
    {
        for (ulong done = 0; done < end - start; done += SnapshotFormat.ChunkSize)
        {
            int piece = (int)Math.Min(SnapshotFormat.ChunkSize, end - start - done);
            file.ReadAt(fileOffset + done, backing.Pages(start + done, piece));
        }
    }

    private static void CopyPages(List<MappedSnapshotBacking> backings, ulong chunk, ulong stored, ulong wanted, ReadOnlySpan<byte> packed)
    {
        for (ulong left = wanted; left != 0; left &= left - 1)
        {
            int page = BitOperations.TrailingZeroCount(left);
            ulong address = (chunk << SnapshotFormat.ChunkShift) + ((ulong)page << SnapshotFormat.PageShift);
            foreach ((MappedSnapshotBacking backing, ulong at, ulong length) in Split(backings, address, SnapshotFormat.PageSize))
            {
                packed.Slice(SnapshotImage.PackedOffset(stored, page) + (int)(at - address), (int)length).CopyTo(backing.Pages(at, (int)length));
            }
        }
    }

    /// <summary>The parts of a run of pages that lie in one region each.</summary>
    private static List<(MappedSnapshotBacking Backing, ulong Address, ulong Length)> Split(List<MappedSnapshotBacking> backings, ulong address, ulong length)
    {
        var parts = new List<(MappedSnapshotBacking, ulong, ulong)>(1);
        ulong last = address + (length - 1);
        foreach (MappedSnapshotBacking backing in backings)
        {
            ulong end = backing.PagesStart + (PageMath.RoundUp(backing.Length, PageMath.PageSize) - 1);
            ulong from = Math.Max(address, backing.PagesStart);
            ulong to = Math.Min(last, end);
            if (from <= to)
            {
                parts.Add((backing, from, to - from + 1));
            }
        }

        return parts;
    }

    /// <summary>Pages that follow each other in memory and in a file.</summary>
    private record struct StoredRun(SnapshotFile? File, ulong Address, ulong Length, ulong FileOffset)
    {
        internal bool TryJoin(StoredRun next)
        {
            if (File != next.File || Address + Length != next.Address || FileOffset + Length != next.FileOffset)
            {
                return false;
            }

            Length += next.Length;
            return true;
        }
    }
}
