using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Globalization;
using System.IO.Compression;
using System.Numerics;

using Hyperspan.Snapshots;

namespace Hyperspan.Dumps;

/// <summary>The memory in a compressed kdump. Each page is found by its descriptor and decompressed when it is read; a few are kept. Safe to use from several threads.</summary>
internal sealed class KdumpImage : DumpMemory
{
    // Runs of pages that are in the file: one for each change of a bit in its bitmap.
    private const int MostRuns = 1 << 22;
    private const int MostRegions = SnapshotFormat.MostRegions;
    private const uint SmallestBlock = 4096;
    private const uint LargestBlock = 1 << 16;
    private const int KeptPages = 64;

    private readonly DumpBytes _bytes;
    private readonly int _blockShift;
    private readonly ulong _descriptors;
    private readonly List<Run> _runs = [];
    private readonly (ulong Page, byte[]? Content)[] _kept = new (ulong, byte[]?)[KeptPages];

    internal KdumpImage(DumpBytes bytes)
    {
        _bytes = bytes;
        Span<byte> header = stackalloc byte[KdumpFormat.HeaderLength];
        bytes.ReadAt(0, header);
        if (!header.StartsWith(KdumpFormat.Signature))
        {
            throw Invalid("is no kdump");
        }

        uint status = Number(header, KdumpFormat.StatusAt), block = Number(header, KdumpFormat.BlockSizeAt);
        uint version = Number(header, KdumpFormat.VersionAt);
        if ((status & KdumpFormat.Incomplete) != 0)
        {
            throw Invalid("is incomplete, as whoever wrote it says");
        }

        if (block is < SmallestBlock or > LargestBlock || !BitOperations.IsPow2(block))
        {
            throw Invalid(string.Create(CultureInfo.InvariantCulture, $"is a kdump with blocks of {block} bytes, or one of another byte order or of 32 bits"));
        }

        _blockShift = BitOperations.Log2(block);
        Machine = header[KdumpFormat.MachineAt..].StartsWith("aarch64\0"u8) ? ElfFormat.Arm64 : ElfFormat.X64;
        Span<byte> sub = stackalloc byte[KdumpFormat.SubHeaderLength];
        bytes.ReadAt(block, sub);
        if (Number(sub, KdumpFormat.SplitAt) != 0)
        {
            throw Invalid("is one of several files that a kdump was split into; put them together first");
        }

        ulong pages = version >= 6 ? BinaryPrimitives.ReadUInt64LittleEndian(sub[KdumpFormat.LastPage64At..]) : Number(header, KdumpFormat.LastPageAt);
        ulong bitmaps = (ulong)block * (1UL + Number(header, KdumpFormat.SubHeaderBlocksAt));
        ulong bitmapLength = (ulong)block * Number(header, KdumpFormat.BitmapBlocksAt) / 2;
        _descriptors = bitmaps + (bitmapLength * 2);
        if (pages == 0 || pages > (1UL << KdumpFormat.PhysicalBits) >> _blockShift || (pages + 7) / 8 > bitmapLength || _descriptors > bytes.Length)
        {
            throw Invalid("is a kdump whose bitmaps do not fit its pages or its file");
        }

        Regions = new RegionMap(ReadRegions(bitmaps, pages));
        ulong count = ReadRuns(bitmaps + bitmapLength, pages);
        RequireMemory();
        if (count * KdumpFormat.DescriptorLength > bytes.Length - _descriptors)
        {
            throw Invalid("is incomplete: it has more pages than descriptors");
        }

        Notes = ReadNotes(sub);
    }

    internal override RegionMap Regions { get; }

    /// <summary>Gets the runs of pages that are in the file, each with the place of its first descriptor. Made as they are asked for: they may be millions.</summary>
    internal IReadOnlyList<DumpSegment> Segments => field ??= new SegmentList(this);

    /// <summary>Gets the notes of an ELF core that it has, VMCOREINFO among them.</summary>
    internal byte[] Notes { get; }

    internal ushort Machine { get; }

    private ulong BlockSize => 1UL << _blockShift;

    internal override bool TryNext(ulong from, out ulong chunk, out ulong pages)
    {
        ulong start = from << SnapshotFormat.ChunkShift;
        int i = FirstEndingAfter(start >> _blockShift);
        if (i == _runs.Count)
        {
            (chunk, pages) = (0, 0);
            return false;
        }

        chunk = Math.Max(from, (_runs[i].First << _blockShift) >> SnapshotFormat.ChunkShift);
        pages = 0;
        ulong chunkStart = chunk << SnapshotFormat.ChunkShift;
        for (; i < _runs.Count && _runs[i].First << _blockShift < chunkStart + SnapshotFormat.ChunkSize; i++)
        {
            ulong first = Math.Max(chunkStart, _runs[i].First << _blockShift);
            ulong end = Math.Min(chunkStart + SnapshotFormat.ChunkSize, _runs[i].End << _blockShift);
            pages |= SnapshotFormat.Pages((int)((first - chunkStart) >> SnapshotFormat.PageShift), (int)((end - chunkStart) >> SnapshotFormat.PageShift));
        }

        return true;
    }

    internal override void ReadRange(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ulong page = address >> _blockShift;
            int at = (int)(address & (BlockSize - 1));
            int length = Math.Min(destination.Length, (int)BlockSize - at);
            int i = FirstEndingAfter(page);
            if (i < _runs.Count && _runs[i].First <= page)
            {
                PageAt(page, _runs[i].Rank + (page - _runs[i].First)).AsSpan(at, length).CopyTo(destination);
            }
            else
            {
                destination[..length].Clear();
            }

            destination = destination[length..];
            address += (ulong)length;
        }
    }

    private static uint Number(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private byte[] PageAt(ulong page, ulong rank)
    {
        ref (ulong Page, byte[]? Content) kept = ref _kept[page % KeptPages];
        lock (_kept)
        {
            if (kept is { Content: { } content } && kept.Page == page)
            {
                return content;
            }
        }

        byte[] read = ReadPage(page, rank);
        lock (_kept)
        {
            kept = (page, read);
        }

        return read;
    }

    private byte[] ReadPage(ulong page, ulong rank)
    {
        Span<byte> descriptor = stackalloc byte[KdumpFormat.DescriptorLength];
        _bytes.ReadAt(_descriptors + (rank * KdumpFormat.DescriptorLength), descriptor);
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(descriptor);
        uint size = Number(descriptor, 8), compression = Number(descriptor, 12) & KdumpFormat.Compressed;
        byte[] content = new byte[BlockSize];
        if (size == 0 || size > BlockSize || (compression == 0 && size != BlockSize))
        {
            throw Invalid(string.Create(CultureInfo.InvariantCulture, $"has a page at 0x{page << _blockShift:x} of {size} bytes"));
        }

        if (compression == 0)
        {
            _bytes.ReadAt(offset, content);
            return content;
        }

        if (compression != KdumpFormat.Zlib)
        {
            throw Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"has a page at 0x{page << _blockShift:x} that is compressed by {KdumpFormat.NameOf(compression)}; pages that are not, or by zlib, are read"));
        }

        byte[] packed = new byte[size];
        _bytes.ReadAt(offset, packed);
        try
        {
            using var stream = new ZLibStream(new MemoryStream(packed, writable: false), CompressionMode.Decompress);
            stream.ReadExactly(content);
            if (stream.ReadByte() < 0)
            {
                return content;
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            // Said below.
        }

        throw Invalid(string.Create(CultureInfo.InvariantCulture, $"has a page at 0x{page << _blockShift:x} that does not decompress to one"));
    }

    private SnapshotRegion[] ReadRegions(ulong bitmap, ulong pages)
    {
        var regions = new List<SnapshotRegion>();
        foreach ((ulong first, ulong count) in Bits(bitmap, pages))
        {
            if (regions.Count == MostRegions)
            {
                throw Invalid(string.Create(CultureInfo.InvariantCulture, $"has more than {MostRegions} ranges of memory"));
            }

            regions.Add(new SnapshotRegion(new GuestRange(first << _blockShift, count << _blockShift), "dump", SnapshotFormat.PageSize, Protection.ReadWriteExecute));
        }

        return [.. regions];
    }

    private ulong ReadRuns(ulong bitmap, ulong pages)
    {
        // Counted first: there may be millions, and room that grows takes twice as much.
        int runs = Bits(bitmap, pages).Take(MostRuns + 1).Count();
        if (runs > MostRuns)
        {
            throw Invalid(string.Create(CultureInfo.InvariantCulture, $"has its pages in more than {MostRuns} pieces"));
        }

        _runs.Capacity = runs;
        ulong rank = 0;
        foreach ((ulong first, ulong count) in Bits(bitmap, pages))
        {
            if (_runs.Count == runs)
            {
                throw Invalid("changed while it was read");
            }

            _runs.Add(new Run(first, count, rank));
            rank += count;
        }

        return rank;
    }

    /// <summary>Refuses pages that are in the file and no memory: whoever wrote that away would say of pages what nobody can read.</summary>
    private void RequireMemory()
    {
        int i = 0;
        foreach (Run run in _runs)
        {
            ulong last = (run.End << _blockShift) - 1;
            while (i < Regions.All.Count && Regions.All[i].Range.Last!.Value.Value < last)
            {
                i++;
            }

            if (i == Regions.All.Count || Regions.All[i].Range.Start.Value > run.First << _blockShift)
            {
                throw Invalid(string.Create(CultureInfo.InvariantCulture, $"has pages from 0x{run.First << _blockShift:x} on that are in the file and no memory"));
            }
        }
    }

    /// <summary>The runs of set bits of a bitmap, which is read piece by piece.</summary>
    private IEnumerable<(ulong First, ulong Count)> Bits(ulong bitmap, ulong pages)
    {
        byte[] piece = new byte[1 << 16];
        ulong? first = null;
        for (ulong at = 0; at * 8 < pages; at += (ulong)piece.Length)
        {
            if (first is null)
            {
                at = (_bytes.NextData(bitmap + at) - bitmap) & ~(sizeof(ulong) - 1UL);
                if (at * 8 >= pages)
                {
                    break;
                }
            }

            int length = (int)Math.Min((ulong)piece.Length, ((pages + 7) / 8) - at);
            piece.AsSpan(length).Clear();
            _bytes.ReadAt(bitmap + at, piece.AsSpan(0, length));
            for (int i = 0; i < length; i += sizeof(ulong))
            {
                ulong word = BinaryPrimitives.ReadUInt64LittleEndian(piece.AsSpan(i));
                ulong number = (at + (ulong)i) * 8;
                for (int bit = 0; bit < 64;)
                {
                    // As far as the next bit that is otherwise.
                    ulong rest = (first is null ? word : ~word) >> bit;
                    int next = rest == 0 ? 64 : bit + BitOperations.TrailingZeroCount(rest);
                    if (next >= 64)
                    {
                        break;
                    }

                    // Bits after the last page mean nothing.
                    ulong where = Math.Min(number + (ulong)next, pages);
                    if (first is { } start)
                    {
                        yield return (start, where - start);
                        first = null;
                    }
                    else if (where < pages)
                    {
                        first = where;
                    }
                    else
                    {
                        break;
                    }

                    bit = next;
                }
            }
        }

        if (first is { } last)
        {
            yield return (last, pages - last);
        }
    }

    private byte[] ReadNotes(ReadOnlySpan<byte> sub)
    {
        byte[] notes = Section(sub, KdumpFormat.NotesAt);
        byte[] information = Section(sub, KdumpFormat.CoreInfoAt);

        // QEMU has it among the notes already; makedumpfile beside them.
        if (information.Length == 0 || notes.AsSpan().IndexOf("VMCOREINFO"u8) >= 0)
        {
            return notes;
        }

        var all = new ArrayBufferWriter<byte>();
        all.Write(notes);
        ElfFormat.WriteNote(all, ElfFormat.VmCoreInfoName, 0, information);
        return all.WrittenSpan.ToArray();
    }

    private byte[] Section(ReadOnlySpan<byte> sub, int at)
    {
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(sub[at..]), length = BinaryPrimitives.ReadUInt64LittleEndian(sub[(at + sizeof(ulong))..]);
        if (length == 0 || offset == 0)
        {
            return [];
        }

        if (length > DumpParser.LongestNotes || offset > _bytes.Length || length > _bytes.Length - offset)
        {
            throw Invalid("is a kdump whose notes lie outside of it");
        }

        byte[] bytes = new byte[length];
        _bytes.ReadAt(offset, bytes);
        return bytes;
    }

    private int FirstEndingAfter(ulong page) =>
        SortedSearch.FirstNotBelow(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_runs), page + 1, static run => run.End);

    private InvalidDumpException Invalid(string reason) => new(_bytes.Name, reason);

    private sealed class SegmentList(KdumpImage image) : IReadOnlyList<DumpSegment>
    {
        public int Count => image._runs.Count;

        public DumpSegment this[int index]
        {
            get
            {
                Run run = image._runs[index];
                return new DumpSegment(
                    new GuestRange(run.First << image._blockShift, run.Count << image._blockShift),
                    image._descriptors + (run.Rank * KdumpFormat.DescriptorLength),
                    run.Count << image._blockShift);
            }
        }

        public IEnumerator<DumpSegment> GetEnumerator()
        {
            for (int i = 0; i < Count; i++)
            {
                yield return this[i];
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private readonly record struct Run(ulong First, ulong Count, ulong Rank)
    {
        internal ulong End => First + Count;
    }
}
