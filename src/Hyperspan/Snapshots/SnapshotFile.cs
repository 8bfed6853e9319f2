using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>
/// One snapshot file, without those it is a difference to. Nothing that the file says is believed before it is checked, and nothing is allocated in proportion to a
/// number in it: lists grow as bytes of the file are found, up to the limits of the format. Safe for use from several threads.
/// </summary>
internal sealed class SnapshotFile : IDisposable
{
    private const int RememberedBlocks = 16;

    private readonly SafeFileHandle _file;
    private readonly ulong _dataEnd;
    private readonly List<BlockReference> _blocks = [];
    private readonly List<SnapshotSectionInfo> _sections = [];
    private readonly HashSet<string> _sectionNames = new(StringComparer.Ordinal);

    // The last blocks that were looked at, by their number; each is complete before it is put here.
    private readonly (int Number, SnapshotEntry[] Entries)?[] _remembered = new (int, SnapshotEntry[])?[RememberedBlocks];
    private readonly Lock _gate = new();

    private SnapshotFile(SafeFileHandle file, string name, ulong length)
    {
        _file = file;
        Name = name;
        Length = length;
        Span<byte> header = stackalloc byte[SnapshotFormat.HeaderUsed];
        if (length < 8 || !RegularFile.TryReadAt(_file, 0, header[..8]) || BinaryPrimitives.ReadUInt64LittleEndian(header) != SnapshotFormat.StartMagic)
        {
            throw new InvalidSnapshotException(name, "is no snapshot");
        }

        if (length < SnapshotFormat.HeaderLength + SnapshotFormat.FooterLength)
        {
            throw Damaged("it ends too early");
        }

        ReadAt(0, header);
        ushort major = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        if (major != SnapshotFormat.Major)
        {
            throw new InvalidSnapshotException(name, string.Create(CultureInfo.InvariantCulture, $"is a snapshot of version {major}; version {SnapshotFormat.Major} can be read"));
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(header[60..]) != SnapshotFormat.Checksum(header[..60]))
        {
            throw Damaged("the checksum of its header does not agree");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) != SnapshotFormat.ChunkShift)
        {
            throw new InvalidSnapshotException(name, "is a snapshot with chunks of a size that cannot be read");
        }

        Id = new Guid(header.Slice(16, 16));
        var parent = new Guid(header.Slice(32, 16));
        ParentId = parent == Guid.Empty ? null : parent;
        long milliseconds = BinaryPrimitives.ReadInt64LittleEndian(header[48..]);
        CreatedAt = milliseconds is >= 0 and < 253402300800000 ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : DateTimeOffset.UnixEpoch;

        Span<byte> footer = stackalloc byte[SnapshotFormat.FooterLength];
        ReadAt(length - SnapshotFormat.FooterLength, footer);
        if (BinaryPrimitives.ReadUInt64LittleEndian(footer[48..]) != SnapshotFormat.EndMagic
            || BinaryPrimitives.ReadUInt32LittleEndian(footer[56..]) != SnapshotFormat.Checksum(footer[..56])
            || BinaryPrimitives.ReadUInt64LittleEndian(footer[40..]) != length
            || new Guid(footer.Slice(24, 16)) != Id)
        {
            throw Damaged("its end is missing or not its own");
        }

        ulong directory = BinaryPrimitives.ReadUInt64LittleEndian(footer);
        ulong directoryLength = BinaryPrimitives.ReadUInt64LittleEndian(footer[8..]);
        ulong most = length - SnapshotFormat.FooterLength;
        if (directory < SnapshotFormat.HeaderLength || directory > most || directoryLength != most - directory || directoryLength > SnapshotFormat.LongestDirectory)
        {
            throw Damaged("its directory lies outside of it");
        }

        _dataEnd = directory;
        Regions = ReadDirectory(directory, directoryLength, BinaryPrimitives.ReadUInt32LittleEndian(footer[16..]));
    }

    internal string Name { get; }

    /// <summary>Gets where it is itself, whatever link it was opened by.</summary>
    internal string Place => field ??= FileOpening.PlaceOf(Name);

    internal ulong Length { get; }

    internal Guid Id { get; }

    internal Guid? ParentId { get; }

    internal string? ParentPath { get; private set; }

    internal DateTimeOffset CreatedAt { get; }

    internal RegionMap Regions { get; }

    internal IReadOnlyList<SnapshotSectionInfo> Sections => _sections;

    internal SafeFileHandle Handle => _file;

    /// <summary>Opens a file.</summary>
    /// <exception cref="InvalidSnapshotException">It is no snapshot that can be read.</exception>
    internal static SnapshotFile Open(string path)
    {
        SafeFileHandle file = FileOpening.OpenRegular(path, out long length);
        try
        {
            return new SnapshotFile(file, path, (ulong)length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The first entry whose chunk is a number or comes after it.</summary>
    internal bool TryNext(ulong from, out SnapshotEntry entry)
    {
        int block = SortedSearch.FirstNotBelow(CollectionsMarshal.AsSpan(_blocks), from, static block => block.Last);
        if (block == _blocks.Count)
        {
            entry = default;
            return false;
        }

        // The last entry of a block is the last that its reference names.
        SnapshotEntry[] entries = Block(block);
        entry = entries[SortedSearch.FirstNotBelow<SnapshotEntry>(entries, from, static entry => entry.Chunk)];
        return true;
    }

    /// <summary>The entry of a chunk.</summary>
    internal bool TryFind(ulong chunk, out SnapshotEntry entry) => TryNext(chunk, out entry) && entry.Chunk == chunk;

    /// <summary>Reads all pages that an entry stores, packed, and checks them.</summary>
    /// <exception cref="InvalidSnapshotException">They are not those that were written.</exception>
    internal void ReadPages(in SnapshotEntry entry, Span<byte> packed)
    {
        if (entry.Encoding == SnapshotEncoding.Raw)
        {
            ReadAt(entry.FileOffset, packed);
            CheckPages(entry, packed);
            return;
        }

        byte[] compressed = ArrayPool<byte>.Shared.Rent((int)entry.FileLength);
        try
        {
            Span<byte> bytes = compressed.AsSpan(0, (int)entry.FileLength);
            ReadAt(entry.FileOffset, bytes);
            CheckPages(entry, bytes);
            if (!BrotliDecoder.TryDecompress(bytes, packed, out int written) || written != packed.Length)
            {
                throw Damaged(string.Create(CultureInfo.InvariantCulture, $"the memory from 0x{entry.Chunk << SnapshotFormat.ChunkShift:x} on cannot be decompressed"));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(compressed);
        }
    }

    /// <summary>Reads bytes of the file.</summary>
    /// <exception cref="InvalidSnapshotException">The file ends before them.</exception>
    internal void ReadAt(ulong offset, Span<byte> destination)
    {
        if (!RegularFile.TryReadAt(_file, offset, destination))
        {
            throw Damaged("it has become shorter");
        }
    }

    internal InvalidSnapshotException Damaged(string how) => new(Name, "is damaged: " + how) { IsDamaged = true };

    private void CheckPages(in SnapshotEntry entry, ReadOnlySpan<byte> bytes)
    {
        if (SnapshotFormat.Checksum(bytes) != entry.Checksum)
        {
            throw Damaged(string.Create(
                CultureInfo.InvariantCulture, $"the checksum of the memory from 0x{entry.Chunk << SnapshotFormat.ChunkShift:x} on does not agree"));
        }
    }

    private SnapshotEntry[] Block(int number)
    {
        ref (int Number, SnapshotEntry[] Entries)? place = ref _remembered[number % RememberedBlocks];
        lock (_gate)
        {
            if (place is { } found && found.Number == number)
            {
                return found.Entries;
            }
        }

        SnapshotEntry[] entries = ReadBlock(_blocks[number]);
        lock (_gate)
        {
            place = (number, entries);
        }

        return entries;
    }

    private SnapshotEntry[] ReadBlock(in BlockReference reference)
    {
        int length = reference.Count * SnapshotFormat.EntryLength;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Span<byte> bytes = buffer.AsSpan(0, length);
            ReadAt(reference.FileOffset, bytes);
            if (SnapshotFormat.Checksum(bytes) != reference.Checksum)
            {
                throw Damaged("the checksum of its index does not agree");
            }

            var entries = new SnapshotEntry[reference.Count];
            for (int i = 0; i < entries.Length; i++)
            {
                SnapshotEntry entry = SnapshotEntry.Read(bytes[(i * SnapshotFormat.EntryLength)..]);
                bool inOrder = i == 0 ? entry.Chunk == reference.First : entry.Chunk > entries[i - 1].Chunk;
                if (!inOrder || !entry.IsPossible(_dataEnd) || (entry.Said & ~Regions.PagesOf(entry.Chunk)) != 0)
                {
                    throw Damaged("its index says what cannot be");
                }

                entries[i] = entry;
            }

            return entries[^1].Chunk == reference.Last ? entries : throw Damaged("its index says what cannot be");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private RegionMap ReadDirectory(ulong offset, ulong length, uint checksum)
    {
        // At most LongestDirectory; grown as bytes are found, so that a number costs nothing.
        var bytes = new ArrayBufferWriter<byte>();
        while ((ulong)bytes.WrittenCount < length)
        {
            int piece = (int)Math.Min(64 << 10, length - (ulong)bytes.WrittenCount);
            ReadAt(offset + (ulong)bytes.WrittenCount, bytes.GetSpan(piece)[..piece]);
            bytes.Advance(piece);
        }

        if (SnapshotFormat.Checksum(bytes.WrittenSpan) != checksum)
        {
            throw Damaged("the checksum of its directory does not agree");
        }

        RegionMap? regions = null;
        bool indexed = false;
        ReadOnlySpan<byte> rest = bytes.WrittenSpan;
        while (!rest.IsEmpty)
        {
            if (rest.Length < SnapshotFormat.SectionHeaderLength)
            {
                throw Damaged("its directory ends in the middle");
            }

            uint type = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            ulong body = BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]);
            rest = rest[SnapshotFormat.SectionHeaderLength..];
            if (body > (ulong)rest.Length)
            {
                throw Damaged("its directory ends in the middle");
            }

            ReadOnlySpan<byte> content = rest[..(int)body];
            switch (type)
            {
                case SnapshotFormat.SectionRegions when regions is null:
                    regions = ReadRegions(content);
                    break;
                case SnapshotFormat.SectionIndex when !indexed:
                    ReadIndex(content);
                    indexed = true;
                    break;
                case SnapshotFormat.SectionUser:
                    ReadSection(content);
                    break;
                case SnapshotFormat.SectionParent when ParentPath is null:
                    ParentPath = content.Length <= SnapshotFormat.LongestName ? Encoding.UTF8.GetString(content) : throw Damaged("a name in it is too long");
                    break;
                case <= SnapshotFormat.SectionParent:
                    throw Damaged("its directory says something twice");
                default:
                    if ((flags & SnapshotFormat.SectionCritical) != 0)
                    {
                        throw new InvalidSnapshotException(
                            Name, string.Create(CultureInfo.InvariantCulture, $"is a snapshot of a later version: it needs to be understood what {type} is"));
                    }

                    break;
            }

            rest = rest[(int)Math.Min((body + 7) & ~7UL, (ulong)rest.Length)..];
        }

        return regions is not null && indexed ? regions : throw Damaged("its directory is not complete");
    }

    private RegionMap ReadRegions(ReadOnlySpan<byte> content)
    {
        var regions = new List<SnapshotRegion>();
        while (!content.IsEmpty)
        {
            if (content.Length < 24 || regions.Count == SnapshotFormat.MostRegions)
            {
                throw Damaged("its list of regions ends in the middle or is too long");
            }

            ulong start = BinaryPrimitives.ReadUInt64LittleEndian(content);
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(content[8..]);
            int pageShift = content[16];
            byte protection = content[17];
            int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(content[18..]);
            content = content[24..];
            if (nameLength > SnapshotFormat.LongestName || nameLength > content.Length || pageShift is < SnapshotFormat.PageShift or > 40
                || length == 0 || !GuestRange.TryCreate(start, length, out GuestRange range))
            {
                throw Damaged("one of its regions cannot be");
            }

            if (regions is [.., var previous] && previous.Range.Last!.Value.PageNumber >= range.FirstPageNumber)
            {
                throw Damaged("its regions are not in order, or overlap");
            }

            string name = Encoding.UTF8.GetString(content[..nameLength]);
            regions.Add(new SnapshotRegion(
                range, name, 1UL << pageShift, new Protection((protection & 1) != 0, (protection & 2) != 0, (protection & 4) != 0)));
            content = content[Math.Min((nameLength + 7) & ~7, content.Length)..];
        }

        return new RegionMap([.. regions]);
    }

    private void ReadIndex(ReadOnlySpan<byte> content)
    {
        if (content.Length % SnapshotFormat.BlockReferenceLength != 0)
        {
            throw Damaged("its index ends in the middle");
        }

        for (; !content.IsEmpty; content = content[SnapshotFormat.BlockReferenceLength..])
        {
            var reference = new BlockReference(
                BinaryPrimitives.ReadUInt64LittleEndian(content),
                BinaryPrimitives.ReadUInt64LittleEndian(content[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(content[16..]),
                (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(content[24..]), int.MaxValue),
                BinaryPrimitives.ReadUInt32LittleEndian(content[28..]));
            if (reference.Count is < 1 or > SnapshotFormat.BlockEntries
                || reference.First > reference.Last
                || (_blocks is [.., var previous] && previous.Last >= reference.First)
                || reference.FileOffset < SnapshotFormat.HeaderLength
                || reference.FileOffset > _dataEnd
                || (ulong)reference.Count * SnapshotFormat.EntryLength > _dataEnd - reference.FileOffset)
            {
                throw Damaged("its index says what cannot be");
            }

            _blocks.Add(reference);
        }
    }

    private void ReadSection(ReadOnlySpan<byte> content)
    {
        if (content.Length < 24 || _sections.Count == SnapshotFormat.MostUserSections)
        {
            throw Damaged("its sections end in the middle or are too many");
        }

        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(content);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(content[8..]);
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(content[16..]);
        if (offset < SnapshotFormat.HeaderLength || offset > _dataEnd || length > _dataEnd - offset || content.Length - 24 > SnapshotFormat.LongestName)
        {
            throw Damaged("one of its sections lies outside of it");
        }

        // What is no UTF-8 would be longer, or another's name, where it is written again.
        ReadOnlySpan<byte> text = content[24..];
        if (text.IsEmpty || !Utf8.IsValid(text))
        {
            throw Damaged("a section has no name that can be");
        }

        string name = Encoding.UTF8.GetString(text);
        if (!_sectionNames.Add(name))
        {
            throw Damaged("two of its sections have one name");
        }

        _sections.Add(new SnapshotSectionInfo(name, length) { FileOffset = offset, Checksum = checksum });
    }

    /// <summary>Where a block of entries lies, and which chunks its first and last are of.</summary>
    private readonly record struct BlockReference(ulong First, ulong Last, ulong FileOffset, int Count, uint Checksum);
}
