using System.Buffers.Binary;
using System.Numerics;

using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>Writes one dump: pages where they belong, holes where they are zero, then what says where they are.</summary>
internal sealed class DumpWriter(ReplacedFile place, MemoryImage image, DumpOptions options)
{
    private const ulong Alignment = 4096;
    private const int MostSegments = 1 << 20;

    /// <summary>What is said of a dump of no memory, which no reader takes.</summary>
    internal const string NothingInIt = "there would be nothing in it: there is no memory, or all of it is zero and left out";

    // The notes come behind the memory.
    private const ulong Longest = long.MaxValue - uint.MaxValue;

    private readonly SafeFileHandle _file = place.Stream.SafeFileHandle;
    private readonly VmCoreInfoFinder? _kernel = options.Format == DumpFormat.Elf && options.VmCoreInfo is null ? new VmCoreInfoFinder(image) : null;

    internal void Write(IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        List<DumpSegment> segments = options.Format == DumpFormat.Raw ? RawSegments() : Place();
        if (segments.Count == 0)
        {
            throw place.Refused(NothingInIt);
        }

        ulong end = segments[^1].FileOffset + segments[^1].Range.Length;
        RandomAccess.SetLength(_file, (long)end);
        CopyPages(segments, progress, cancellationToken);
        if (options.Format == DumpFormat.Elf)
        {
            WriteElf(segments, end);
        }
        else if (options.Format == DumpFormat.Lime)
        {
            Span<byte> header = stackalloc byte[LimeFormat.HeaderLength];
            foreach (DumpSegment segment in segments)
            {
                LimeFormat.WriteHeader(header, segment.Range.Start.Value, segment.Range.Last!.Value.Value);
                RandomAccess.Write(_file, header, (long)segment.FileOffset - LimeFormat.HeaderLength);
            }
        }
    }

    private IOException TooLong() => place.Refused("the addresses are too large for the bytes of a file; another format has room for them");

    private List<DumpSegment> RawSegments()
    {
        var segments = new List<DumpSegment>();
        foreach (SnapshotRegion region in image.Regions.All)
        {
            if (region.Range.Last!.Value.Value >= long.MaxValue)
            {
                throw TooLong();
            }

            segments.Add(new DumpSegment(region.Range, region.Range.Start.Value, region.Range.Length));
        }

        return segments;
    }

    /// <summary>Lays out the segments: regions, or the pages of them that are not zero.</summary>
    private List<DumpSegment> Place()
    {
        var ranges = new List<GuestRange>();
        if (!options.SkipZero)
        {
            ranges.AddRange(image.Regions.All.Select(region => region.Range));
        }
        else
        {
            IReadOnlyList<SnapshotRegion> regions = image.Regions.All;
            foreach (GuestRange run in PageRanges.Join(NonZero()))
            {
                ulong end = run.Last!.Value.Value;
                for (int i = image.Regions.FirstEndingAtOrAfter(run.Start.Value >> SnapshotFormat.ChunkShift); i < regions.Count && regions[i].Range.Start.Value <= end; i++)
                {
                    ulong first = Math.Max(run.Start.Value, regions[i].Range.Start.Value);
                    ulong last = Math.Min(end, regions[i].Range.Last!.Value.Value);
                    if (first <= last)
                    {
                        ranges.Add(new GuestRange(first, last - first + 1));
                    }
                }

                if (ranges.Count > MostSegments)
                {
                    throw place.Refused("the pages that are not zero are in too many pieces for a dump; write them with those that are");
                }
            }
        }

        var segments = new List<DumpSegment>();
        ulong at = options.Format == DumpFormat.Elf
            ? PageMath.RoundUp((ulong)(ElfFormat.HeaderLength + ElfFormat.SectionLength + ((ranges.Count + 1) * ElfFormat.SegmentLength)), Alignment)
            : 0;
        foreach (GuestRange range in ranges)
        {
            if (options.Format == DumpFormat.Lime)
            {
                at += LimeFormat.HeaderLength;
            }
            else
            {
                // As in memory, so that a reader may map it.
                at = PageMath.RoundUp(at, Alignment) + (range.Start.Value & (Alignment - 1));
            }

            segments.Add(new DumpSegment(range, at, range.Length));
            at = at <= Longest && range.Length <= Longest - at ? at + range.Length : throw TooLong();
        }

        return segments;
    }

    private IEnumerable<(ulong Chunk, ulong Pages)> NonZero()
    {
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];
        for (ulong from = 0; image.TryNext(from, out ulong chunk, out ulong pages); from = chunk + 1)
        {
            Span<byte> packed = buffer.AsSpan(0, BitOperations.PopCount(pages) << SnapshotFormat.PageShift);
            image.Read(chunk, pages, packed);
            yield return (chunk, SnapshotFormat.DropZero(pages, packed));
        }
    }

    private void CopyPages(List<DumpSegment> segments, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter(image.Regions, progress);
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];
        ulong moved = 0;
        int next = 0;
        for (ulong from = 0; image.TryNext(from, out ulong chunk, out ulong pages); from = chunk + 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> packed = buffer.AsSpan(0, BitOperations.PopCount(pages) << SnapshotFormat.PageShift);
            image.Read(chunk, pages, packed);
            foreach ((GuestRange part, int at) in GuestMemorySnapshot.Parts(image.Regions, chunk, pages))
            {
                moved += WriteNonZero(segments, ref next, part, packed.Slice(at, (int)part.Length));
            }

            _kernel?.Look(chunk, pages, packed);
            meter.Report(chunk, moved);
        }

        ulong total = image.Regions.TotalBytes;
        progress?.Report(new SnapshotProgress(total, total, moved));
    }

    private ulong WriteNonZero(List<DumpSegment> segments, ref int next, GuestRange part, ReadOnlySpan<byte> bytes)
    {
        ulong moved = 0;
        ulong at = part.Start.Value;
        while (!bytes.IsEmpty)
        {
            // As many pages as are alike: zero or not.
            int length = PageRemainder(at, bytes.Length);
            bool zero = SnapshotFormat.IsZero(bytes[..length]);
            while (length < bytes.Length && PageRemainder(at + (ulong)length, bytes.Length - length) is var more && SnapshotFormat.IsZero(bytes.Slice(length, more)) == zero)
            {
                length += more;
            }

            if (!zero)
            {
                while (next < segments.Count && segments[next].Range.Last!.Value.Value < at)
                {
                    next++;
                }

                if (next == segments.Count || segments[next].Range.Start.Value > at)
                {
                    // Written since it was zero: a dump of memory in use is of no one moment.
                    length = PageRemainder(at, bytes.Length);
                    bytes = bytes[length..];
                    at += (ulong)length;
                    continue;
                }

                length = (int)Math.Min((ulong)length, segments[next].Range.Last!.Value.Value - at + 1);
                RandomAccess.Write(_file, bytes[..length], (long)(segments[next].FileOffset + (at - segments[next].Range.Start.Value)));
                moved += (ulong)length;
            }

            bytes = bytes[length..];
            at += (ulong)length;
        }

        return moved;
    }

    private static int PageRemainder(ulong address, int most) =>
        (int)Math.Min((ulong)most, Alignment - (address & (Alignment - 1)));

    private void WriteElf(List<DumpSegment> segments, ulong end)
    {
        byte[] notes = DumpNotes.Of(options, _kernel?.Found);
        ulong noteOffset = PageMath.RoundUp(end, 4);
        int count = segments.Count + 1;
        bool many = count >= ElfFormat.ManySegments;
        byte[] head = new byte[ElfFormat.HeaderLength + (count * ElfFormat.SegmentLength) + ElfFormat.SectionLength];
        BinaryPrimitives.WriteUInt32LittleEndian(head, ElfFormat.Magic);
        head[4] = ElfFormat.Class64;
        head[5] = ElfFormat.LittleEndian;
        head[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(16), ElfFormat.Core);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(18), options.Machine);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(32), ElfFormat.HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(52), ElfFormat.HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(54), ElfFormat.SegmentLength);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(56), many ? ElfFormat.ManySegments : (ushort)count);
        if (many)
        {
            int section = ElfFormat.HeaderLength + (count * ElfFormat.SegmentLength);
            BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(40), (ulong)section);
            BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(58), ElfFormat.SectionLength);
            BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(60), 1);
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(section + 44), (uint)count);
        }

        WriteSegment(head.AsSpan(ElfFormat.HeaderLength), ElfFormat.Note, noteOffset, 0, (ulong)notes.Length);
        for (int i = 0; i < segments.Count; i++)
        {
            DumpSegment segment = segments[i];
            WriteSegment(
                head.AsSpan(ElfFormat.HeaderLength + ((i + 1) * ElfFormat.SegmentLength)),
                ElfFormat.Load,
                segment.FileOffset,
                segment.Range.Start.Value,
                segment.Range.Length);
        }

        RandomAccess.Write(_file, head, 0);
        RandomAccess.Write(_file, notes, (long)noteOffset);
    }

    /// <summary>A segment whose virtual address is its physical one, so that a debugger reads physical memory by address.</summary>
    private static void WriteSegment(Span<byte> to, uint type, ulong offset, ulong address, ulong length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, type);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], type == ElfFormat.Load ? ElfFormat.ReadWriteExecute : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(to[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(to[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(to[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(to[32..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(to[40..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(to[48..], type == ElfFormat.Load ? Alignment : 4);
    }
}
