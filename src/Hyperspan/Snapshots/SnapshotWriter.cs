using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using System.Text;

namespace Hyperspan.Snapshots;

/// <summary>
/// Writes one snapshot to a stream, from its first byte to its last. Its memory does not grow with the guest: two buffers, of which one is filled while the other is
/// written, and a block of the index.
/// </summary>
internal sealed class SnapshotWriter
{
    private const int BufferLength = 1 << 20;
    private const int BrotliWindow = 18;

    private readonly Stream _output;
    private readonly Guid _id = Guid.NewGuid();
    private readonly Guid _parent;
    private readonly string? _parentPath;
    private readonly bool _compress;
    private readonly bool _compares;
    private readonly byte[] _block = new byte[SnapshotFormat.BlockEntries * SnapshotFormat.EntryLength];
    private readonly ArrayBufferWriter<byte> _index = new();
    private readonly List<(string Name, ulong Offset, ulong Length, uint Checksum)> _sections = [];
    private readonly byte[]? _pages;

    private byte[] _filling = new byte[BufferLength];
    private byte[] _writing = new byte[BufferLength];
    private int _filled;
    private Task _write = Task.CompletedTask;

    // Where in the file the buffer that is being filled will begin.
    private ulong _position;
    private int _blockEntries;
    private ulong _blockFirst;
    private ulong _blockLast;

    internal SnapshotWriter(Stream output, Guid? parent, string? parentPath, bool compress, bool compares)
    {
        _output = output;
        _parent = parent ?? Guid.Empty;
        _parentPath = parentPath;
        _compress = compress;
        _compares = compares;
        _pages = compress ? new byte[SnapshotFormat.ChunkSize] : null;
        Span<byte> header = Take(SnapshotFormat.HeaderLength);
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, SnapshotFormat.StartMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], SnapshotFormat.Major);
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], SnapshotFormat.Minor);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], SnapshotFormat.ChunkShift);
        _id.TryWriteBytes(header[16..]);
        _parent.TryWriteBytes(header[32..]);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteUInt32LittleEndian(header[60..], SnapshotFormat.Checksum(header[..60]));
    }

    internal Guid Id => _id;

    internal ulong StoredPages { get; private set; }

    internal ulong ZeroPages { get; private set; }

    /// <summary>Gets the bytes written so far.</summary>
    internal ulong Length => _position + (ulong)_filled;

    /// <summary>Adds a chunk.</summary>
    /// <param name="image">Where its pages are read.</param>
    /// <param name="chunk">Its number; higher than those before.</param>
    /// <param name="pages">The pages that may hold something. Those that are zero are not stored.</param>
    /// <param name="earlier">What the earlier snapshot has, for a difference.</param>
    /// <param name="looked">The pages that are looked at at all; of others the earlier snapshot holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async ValueTask AddAsync(MemoryImage image, ulong chunk, ulong pages, SnapshotImage? earlier, ulong looked, CancellationToken cancellationToken)
    {
        await ReserveAsync(SnapshotFormat.ChunkSize + SnapshotFormat.PageSize, cancellationToken);
        Gather(image, chunk, pages & looked, earlier, looked);
        if (_blockEntries == SnapshotFormat.BlockEntries)
        {
            await EndBlockAsync(cancellationToken);
        }
    }

    /// <summary>Adds something of the caller's own.</summary>
    internal async Task AddSectionAsync(SnapshotSection section, CancellationToken cancellationToken)
    {
        uint checksum = uint.MaxValue;
        ulong start = Length;
        while (true)
        {
            await ReserveAsync(SnapshotFormat.ChunkSize, cancellationToken);
            int read = await section.Content.ReadAsync(_filling.AsMemory(_filled), cancellationToken);
            if (read == 0)
            {
                break;
            }

            checksum = SnapshotFormat.Checksum(checksum, _filling.AsSpan(_filled, read));
            _filled += read;
        }

        _sections.Add((section.Name, start, Length - start, ~checksum));
    }

    /// <summary>Writes what remains: the index, the directory and the end.</summary>
    internal async Task EndAsync(RegionMap regions, CancellationToken cancellationToken)
    {
        if (_blockEntries > 0)
        {
            await EndBlockAsync(cancellationToken);
        }

        var directory = new ArrayBufferWriter<byte>();
        WriteRegions(directory, regions);
        BeginSection(directory, SnapshotFormat.SectionIndex, _index.WrittenCount, critical: true);
        Write(directory, _index.WrittenSpan);
        foreach ((string name, ulong offset, ulong length, uint checksum) in _sections)
        {
            byte[] text = Encoding.UTF8.GetBytes(name);
            BeginSection(directory, SnapshotFormat.SectionUser, 24 + text.Length, critical: false);
            Span<byte> fixedPart = directory.GetSpan(24)[..24];
            fixedPart.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(fixedPart, offset);
            BinaryPrimitives.WriteUInt64LittleEndian(fixedPart[8..], length);
            BinaryPrimitives.WriteUInt32LittleEndian(fixedPart[16..], checksum);
            directory.Advance(24);
            Write(directory, text);
        }

        if (_parentPath is not null)
        {
            byte[] text = Encoding.UTF8.GetBytes(_parentPath);
            BeginSection(directory, SnapshotFormat.SectionParent, text.Length, critical: false);
            Write(directory, text);
        }

        if (directory.WrittenCount > SnapshotFormat.LongestDirectory)
        {
            throw new IOException("The memory is too large, or has too many regions or sections, for one snapshot.");
        }

        ulong start = Length;
        for (int done = 0; done < directory.WrittenCount;)
        {
            int piece = Math.Min(SnapshotFormat.ChunkSize, directory.WrittenCount - done);
            await ReserveAsync(piece, cancellationToken);
            directory.WrittenSpan.Slice(done, piece).CopyTo(Take(piece));
            done += piece;
        }

        await ReserveAsync(SnapshotFormat.FooterLength, cancellationToken);
        WriteFooter(start, directory.WrittenSpan);
        await FlushAsync(cancellationToken);
        await _write;
    }

    /// <summary>Waits until nothing is being written any more, however that ends.</summary>
    internal Task DrainAsync() => _write.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private static void BeginSection(ArrayBufferWriter<byte> directory, uint type, int length, bool critical)
    {
        Span<byte> head = directory.GetSpan(SnapshotFormat.SectionHeaderLength);
        BinaryPrimitives.WriteUInt32LittleEndian(head, type);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], critical ? SnapshotFormat.SectionCritical : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(head[8..], (ulong)length);
        directory.Advance(SnapshotFormat.SectionHeaderLength);
    }

    private static void Write(ArrayBufferWriter<byte> directory, ReadOnlySpan<byte> bytes)
    {
        int padded = (bytes.Length + 7) & ~7;
        Span<byte> to = directory.GetSpan(padded)[..padded];
        to.Clear();
        bytes.CopyTo(to);
        directory.Advance(padded);
    }

    private static void WriteRegions(ArrayBufferWriter<byte> directory, RegionMap regions)
    {
        if (regions.All.Count > SnapshotFormat.MostRegions)
        {
            throw new IOException("The memory has too many regions for a snapshot.");
        }

        var list = new ArrayBufferWriter<byte>();
        foreach (SnapshotRegion region in regions.All)
        {
            byte[] name = Encoding.UTF8.GetBytes(region.Name);
            if (name.Length > SnapshotFormat.LongestName)
            {
                // Whole characters: of two bytes or more, those after the first begin with the bits 10.
                int kept = SnapshotFormat.LongestName;
                while ((name[kept] & 0xc0) == 0x80)
                {
                    kept--;
                }

                name = name[..kept];
            }

            Span<byte> head = list.GetSpan(24)[..24];
            head.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(head, region.Range.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(head[8..], region.Range.Length);
            head[16] = (byte)BitOperations.Log2(region.PageSize);
            head[17] = (byte)((region.Protection.CanRead ? 1 : 0) | (region.Protection.CanWrite ? 2 : 0) | (region.Protection.CanExecute ? 4 : 0));
            BinaryPrimitives.WriteUInt16LittleEndian(head[18..], (ushort)name.Length);
            list.Advance(24);
            Write(list, name);
        }

        BeginSection(directory, SnapshotFormat.SectionRegions, list.WrittenCount, critical: true);
        Write(directory, list.WrittenSpan);
    }

    /// <summary>The bytes to where pages that are not compressed may begin.</summary>
    private int PaddingToPage => (int)((ulong)-(long)Length & (SnapshotFormat.PageSize - 1));

    /// <summary>Packs the pages that are to be stored at the end of the buffer, and enters them into the index.</summary>
    private void Gather(MemoryImage image, ulong chunk, ulong pages, SnapshotImage? earlier, ulong looked)
    {
        int padding = _compress ? 0 : PaddingToPage;
        Span<byte> packed = _compress
            ? _pages
            : _filling.AsSpan(_filled + padding, SnapshotFormat.ChunkSize);
        packed = packed[..(BitOperations.PopCount(pages) << SnapshotFormat.PageShift)];
        image.Read(chunk, pages, packed);
        ulong stored = SnapshotFormat.DropZero(pages, packed);
        ulong zero = 0;
        if (earlier is not null)
        {
            ulong had = earlier.PagesOf(chunk) & looked & image.Regions.PagesOf(chunk);
            zero = had & ~stored;
            stored = _compares ? DropEqual(stored, packed, earlier, chunk, had) : stored;
        }

        if ((stored | zero) == 0)
        {
            return;
        }

        packed = packed[..(BitOperations.PopCount(stored) << SnapshotFormat.PageShift)];
        SnapshotEntry entry = Place(chunk, stored, zero, packed, padding);
        if (_blockEntries == 0)
        {
            _blockFirst = chunk;
        }

        _blockLast = chunk;
        entry.Write(_block.AsSpan(_blockEntries++ * SnapshotFormat.EntryLength));
        StoredPages += (ulong)BitOperations.PopCount(stored);
        ZeroPages += (ulong)BitOperations.PopCount(zero);
    }

    /// <summary>Takes packed pages into the buffer, compressed where that helps.</summary>
    private SnapshotEntry Place(ulong chunk, ulong stored, ulong zero, Span<byte> packed, int padding)
    {
        if (stored == 0)
        {
            return new SnapshotEntry(chunk, 0, zero, 0, 0, 0, SnapshotEncoding.Raw);
        }

        if (_compress)
        {
            // Where it saves less than an eighth, decompressing it is not worth the while.
            Span<byte> room = _filling.AsSpan(_filled, packed.Length - (packed.Length >> 3));
            if (BrotliEncoder.TryCompress(packed, room, out int length, quality: 1, BrotliWindow) && length > 0)
            {
                ulong at = Length;
                _filled += length;
                return new SnapshotEntry(chunk, stored, zero, at, (uint)length, SnapshotFormat.Checksum(room[..length]), SnapshotEncoding.Brotli);
            }

            padding = PaddingToPage;
            packed.CopyTo(_filling.AsSpan(_filled + padding));
            packed = _filling.AsSpan(_filled + padding, packed.Length);
        }

        _filling.AsSpan(_filled, padding).Clear();
        _filled += padding;
        ulong offset = Length;
        _filled += packed.Length;
        return new SnapshotEntry(chunk, stored, zero, offset, (uint)packed.Length, SnapshotFormat.Checksum(packed), SnapshotEncoding.Raw);
    }

    /// <summary>Closes up the pages that are not as they were.</summary>
    private static ulong DropEqual(ulong pages, Span<byte> packed, SnapshotImage earlier, ulong chunk, ulong had)
    {
        ulong compared = pages & had;
        if (compared == 0)
        {
            return pages;
        }

        byte[] before = ArrayPool<byte>.Shared.Rent(SnapshotFormat.ChunkSize);
        try
        {
            Span<byte> old = before.AsSpan(0, BitOperations.PopCount(compared) << SnapshotFormat.PageShift);
            earlier.Read(chunk, compared, old);
            ulong kept = 0;
            int from = 0;
            int to = 0;
            for (ulong left = pages; left != 0; left &= left - 1, from += SnapshotFormat.PageSize)
            {
                int number = BitOperations.TrailingZeroCount(left);
                ReadOnlySpan<byte> page = packed.Slice(from, SnapshotFormat.PageSize);
                if ((compared >> number & 1) != 0
                    && page.SequenceEqual(old.Slice(SnapshotImage.PackedOffset(compared, number), SnapshotFormat.PageSize)))
                {
                    continue;
                }

                if (to != from)
                {
                    page.CopyTo(packed[to..]);
                }

                to += SnapshotFormat.PageSize;
                kept |= 1UL << number;
            }

            return kept;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(before);
        }
    }

    private async ValueTask EndBlockAsync(CancellationToken cancellationToken)
    {
        int length = _blockEntries * SnapshotFormat.EntryLength;
        await ReserveAsync(length, cancellationToken);
        ReadOnlySpan<byte> entries = _block.AsSpan(0, length);
        Span<byte> reference = _index.GetSpan(SnapshotFormat.BlockReferenceLength);
        BinaryPrimitives.WriteUInt64LittleEndian(reference, _blockFirst);
        BinaryPrimitives.WriteUInt64LittleEndian(reference[8..], _blockLast);
        BinaryPrimitives.WriteUInt64LittleEndian(reference[16..], Length);
        BinaryPrimitives.WriteUInt32LittleEndian(reference[24..], (uint)_blockEntries);
        BinaryPrimitives.WriteUInt32LittleEndian(reference[28..], SnapshotFormat.Checksum(entries));
        _index.Advance(SnapshotFormat.BlockReferenceLength);
        entries.CopyTo(Take(length));
        _blockEntries = 0;
    }

    private void WriteFooter(ulong directory, ReadOnlySpan<byte> content)
    {
        ulong total = Length + SnapshotFormat.FooterLength;
        Span<byte> footer = Take(SnapshotFormat.FooterLength);
        footer.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(footer, directory);
        BinaryPrimitives.WriteUInt64LittleEndian(footer[8..], (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[16..], SnapshotFormat.Checksum(content));
        _id.TryWriteBytes(footer[24..]);
        BinaryPrimitives.WriteUInt64LittleEndian(footer[40..], total);
        BinaryPrimitives.WriteUInt64LittleEndian(footer[48..], SnapshotFormat.EndMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[56..], SnapshotFormat.Checksum(footer[..56]));
    }

    private Span<byte> Take(int length)
    {
        Span<byte> taken = _filling.AsSpan(_filled, length);
        _filled += length;
        return taken;
    }

    private ValueTask ReserveAsync(int length, CancellationToken cancellationToken) =>
        _filling.Length - _filled >= length ? ValueTask.CompletedTask : FlushAsync(cancellationToken);

    /// <summary>Hands the buffer over to be written, once the one before it has been.</summary>
    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _write;
        cancellationToken.ThrowIfCancellationRequested();
        (_filling, _writing) = (_writing, _filling);
        int length = _filled;
        _position += (ulong)length;
        _filled = 0;
        _write = _output.WriteAsync(_writing.AsMemory(0, length), cancellationToken).AsTask();
    }
}
