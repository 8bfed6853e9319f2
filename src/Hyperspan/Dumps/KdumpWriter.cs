using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.IO.Compression;
using System.Numerics;

using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>
/// Writes a compressed kdump, version 6, in one pass: headers, bitmaps, descriptors with room for every page of memory, pages, notes. All pages that are zero are one in the
/// file. Of a chunk, pages are compressed side by side.
/// </summary>
internal sealed class KdumpWriter(ReplacedFile place, MemoryImage image, DumpOptions options)
{
    private const int BlockSize = SnapshotFormat.PageSize;
    private const int DescriptorsAtOnce = 4096;

    private readonly SafeFileHandle _file = place.Stream.SafeFileHandle;
    private readonly VmCoreInfoFinder? _kernel = options.VmCoreInfo is null ? new VmCoreInfoFinder(image) : null;
    private readonly byte[][] _packed = new byte[SnapshotFormat.ChunkPages][];
    private readonly byte[] _waiting = new byte[DescriptorsAtOnce * KdumpFormat.DescriptorLength];
    private readonly byte[] _zero = Compress(new byte[BlockSize]);
    private int _waitingLength;
    private ulong _descriptors;
    private ulong _end;
    private ulong _zeroAt;

    internal void Write(IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<SnapshotRegion> regions = image.Regions.All;
        ulong pages = regions.Count == 0 ? 0 : (regions[^1].Range.Last!.Value.Value >> SnapshotFormat.PageShift) + 1;
        if (pages == 0)
        {
            throw place.Refused(DumpWriter.NothingInIt);
        }

        if (pages > 1UL << (KdumpFormat.PhysicalBits - SnapshotFormat.PageShift))
        {
            throw place.Refused("the addresses are too large for a kdump, which has bitmaps of all pages below them; another format has room for them");
        }

        ulong bitmapBlocks = (((pages + 7) / 8) + BlockSize - 1) / BlockSize;
        const ulong Bitmaps = 2 * BlockSize;
        _descriptors = Bitmaps + (2 * bitmapBlocks * BlockSize);
        ulong memoryPages = 0;
        foreach (SnapshotRegion region in regions)
        {
            memoryPages += (region.Range.Last!.Value.Value >> SnapshotFormat.PageShift) - (region.Range.Start.Value >> SnapshotFormat.PageShift) + 1;
        }

        _zeroAt = PageMath.RoundUp(_descriptors + (memoryPages * KdumpFormat.DescriptorLength), BlockSize);
        RequireRoom(memoryPages);
        _end = _zeroAt;
        Append(_zero);
        WritePages(new KdumpBitmap(_file, Bitmaps), new KdumpBitmap(_file, Bitmaps + (bitmapBlocks * BlockSize)), progress, cancellationToken);
        byte[] notes = DumpNotes.Of(options, _kernel?.Found);
        ulong notesAt = PageMath.RoundUp(_end, sizeof(ulong));
        RandomAccess.Write(_file, notes, (long)notesAt);
        WriteHeaders(pages, bitmapBlocks, notes, notesAt);
    }

    /// <summary>
    /// Refuses what the disk has no room for before anything is written: bitmaps and descriptors are of all pages of memory, also of those that take no room where they are
    /// read from, and a number in a file says how many there are.
    /// </summary>
    private void RequireRoom(ulong memoryPages)
    {
        ulong needed = (options.SkipZero ? 0 : memoryPages * KdumpFormat.DescriptorLength) + (memoryPages / 8);
        if (place.Room is { } room && needed > room)
        {
            throw place.Refused(string.Create(
                CultureInfo.InvariantCulture, $"a kdump of so much memory takes at least {needed} bytes, and the disk has {room}; another format has holes instead"));
        }
    }

    private void WritePages(KdumpBitmap memory, KdumpBitmap stored, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter(image.Regions, progress);
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];
        ulong moved = 0;
        bool hasMore = image.TryNext(0, out ulong next, out ulong present);
        for (ulong from = 0; image.Regions.TryNextChunk(from, out ulong chunk); from = chunk + 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (hasMore && next < chunk)
            {
                hasMore = image.TryNext(next + 1, out next, out present);
            }

            ulong pages = image.Regions.PagesOf(chunk);
            ulong content = hasMore && next == chunk ? ReadContent(chunk, present & pages, buffer, ref moved) : 0;
            memory.Set(chunk, pages);
            stored.Set(chunk, AddDescriptors(pages, content));
            meter.Report(chunk, moved);
        }

        FlushDescriptors();
        memory.Flush();
        stored.Flush();
        ulong total = image.Regions.TotalBytes;
        progress?.Report(new SnapshotProgress(total, total, moved));
    }

    /// <summary>Reads and compresses the pages of a chunk; <c>_packed</c> has those that are not zero, in their order.</summary>
    /// <returns>Those that are not zero.</returns>
    private ulong ReadContent(ulong chunk, ulong present, byte[] buffer, ref ulong moved)
    {
        Span<byte> pages = buffer.AsSpan(0, BitOperations.PopCount(present) << SnapshotFormat.PageShift);
        image.Read(chunk, present, pages);
        _kernel?.Look(chunk, present, pages);
        ulong content = SnapshotFormat.DropZero(present, pages);
        int count = BitOperations.PopCount(content);
        Parallel.For(0, count, i => _packed[i] = Compress(buffer.AsSpan(i << SnapshotFormat.PageShift, BlockSize)));
        moved += (ulong)count << SnapshotFormat.PageShift;
        return content;
    }

    /// <summary>Adds the descriptors of a chunk's pages in their order, and what they describe to the file.</summary>
    /// <returns>The pages that have one.</returns>
    private ulong AddDescriptors(ulong pages, ulong content)
    {
        ulong added = options.SkipZero ? content : pages;
        int next = 0;
        for (ulong left = added; left != 0; left &= left - 1)
        {
            ulong offset = _zeroAt;
            byte[] bytes = _zero;
            if ((content & left & (~left + 1)) != 0)
            {
                bytes = _packed[next++];
                offset = Append(bytes);
            }

            Span<byte> descriptor = _waiting.AsSpan(_waitingLength, KdumpFormat.DescriptorLength);
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor, offset);
            BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], (uint)bytes.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(descriptor[12..], bytes.Length == BlockSize ? 0 : KdumpFormat.Zlib);
            _waitingLength += KdumpFormat.DescriptorLength;
            if (_waitingLength == _waiting.Length)
            {
                FlushDescriptors();
            }
        }

        return added;
    }

    private void FlushDescriptors()
    {
        RandomAccess.Write(_file, _waiting.AsSpan(0, _waitingLength), (long)_descriptors);
        _descriptors += (ulong)_waitingLength;
        _waitingLength = 0;
    }

    private ulong Append(byte[] bytes)
    {
        ulong at = _end;
        RandomAccess.Write(_file, bytes, (long)at);
        _end += (ulong)bytes.Length;
        return at;
    }

    /// <summary>A page compressed, or as it is where that makes it no shorter.</summary>
    private static byte[] Compress(ReadOnlySpan<byte> page)
    {
        using var to = new MemoryStream(BlockSize);
        using (var stream = new ZLibStream(to, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(page);
        }

        return to.Length < BlockSize ? to.ToArray() : page.ToArray();
    }

    private void WriteHeaders(ulong pages, ulong bitmapBlocks, byte[] notes, ulong notesAt)
    {
        ReadOnlySpan<byte> kernel = DumpNotes.VmCoreInfoOf(notes);
        byte[] head = new byte[2 * BlockSize];
        KdumpFormat.Signature.CopyTo(head);
        Put(head, KdumpFormat.VersionAt, KdumpFormat.Version);
        if (ValueOf(kernel, "OSRELEASE="u8) is { IsEmpty: false } release)
        {
            // libkdumpfile believes in the names only where none of them is empty.
            "Linux"u8.CopyTo(head.AsSpan(KdumpFormat.SystemAt));
            "(none)"u8.CopyTo(head.AsSpan(KdumpFormat.NodeAt));
            release[..Math.Min(release.Length, KdumpFormat.NameLength - 1)].CopyTo(head.AsSpan(KdumpFormat.ReleaseAt));
            "(unknown)"u8.CopyTo(head.AsSpan(KdumpFormat.BuildAt));
        }

        (options.Machine == ElfFormat.Arm64 ? "aarch64"u8 : "x86_64"u8).CopyTo(head.AsSpan(KdumpFormat.MachineAt));
        Put(head, KdumpFormat.StatusAt, KdumpFormat.Zlib);
        Put(head, KdumpFormat.BlockSizeAt, BlockSize);
        Put(head, KdumpFormat.SubHeaderBlocksAt, 1);
        Put(head, KdumpFormat.BitmapBlocksAt, (uint)(2 * bitmapBlocks));
        Put(head, KdumpFormat.LastPageAt, (uint)Math.Min(pages, uint.MaxValue));
        Put(head, KdumpFormat.ProcessorsAt, (uint)DumpNotes.ProcessorsIn(notes));

        Span<byte> sub = head.AsSpan(BlockSize);
        if (Utf8Parser.TryParse(ValueOf(kernel, "NUMBER(phys_base)="u8), out long physicalBase, out _))
        {
            BinaryPrimitives.WriteInt64LittleEndian(sub, physicalBase);
        }

        Put(sub, KdumpFormat.LevelAt, options.SkipZero ? KdumpFormat.WithoutZero : 0);
        Place(sub, KdumpFormat.NotesAt, notesAt, notes.Length);
        Place(sub, KdumpFormat.CoreInfoAt, kernel.IsEmpty ? 0 : notesAt + (ulong)notes.AsSpan().IndexOf(kernel), kernel.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(sub[KdumpFormat.LastPage64At..], pages);
        RandomAccess.Write(_file, head, 0);
    }

    /// <summary>The rest of the line that begins so.</summary>
    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> lines, ReadOnlySpan<byte> name)
    {
        foreach (Range line in lines.Split((byte)'\n'))
        {
            if (lines[line].StartsWith(name))
            {
                return lines[line][name.Length..];
            }
        }

        return [];
    }

    private static void Place(Span<byte> header, int at, ulong offset, int length)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(header[at..], length == 0 ? 0 : offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[(at + sizeof(ulong))..], (ulong)length);
    }

    private static void Put(Span<byte> bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], value);
}
