using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;

using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>Finds what is where in a dump. Nothing the file says is believed before it is checked, and lists grow as bytes of the file are found.</summary>
internal sealed class DumpParser
{
    private const int MostSegments = 1 << 16;
    internal const int LongestNotes = 4 << 20;

    private readonly string _name;
    private readonly ulong _length;
    private readonly List<DumpSegment> _segments = [];
    private readonly List<(DumpSegment Segment, ulong Virtual)> _loads = [];
    private readonly ArrayBufferWriter<byte> _notes = new();

    internal DumpParser(SafeFileHandle file, string name, ulong length, DumpFormat? format)
    {
        _name = name;
        _length = length;
        Bytes = new DumpBytes(file, name, length);
        if (length == 0)
        {
            throw new InvalidDumpException(name, "is empty");
        }

        Format = format ?? Detect();
        switch (Format)
        {
            case DumpFormat.Elf:
                ReadElf();
                break;
            case DumpFormat.Lime:
                ReadLime();
                break;
            case DumpFormat.Kdump:
                ReadKdump(file);
                break;
            default:
                _segments.Add(new DumpSegment(new GuestRange(0, length), 0, length));
                break;
        }

        Placed = Kdump is null ? Sort() : [];
        if (Segments.Count == 0 && Kdump is not { Regions.All.Count: > 0 })
        {
            throw new InvalidDumpException(name, "has no memory in it");
        }
    }

    internal DumpFormat Format { get; }

    /// <summary>Gets the bytes of the file.</summary>
    internal DumpBytes Bytes { get; }

    /// <summary>Gets the segments in the order of their addresses, none overlapping another.</summary>
    internal IReadOnlyList<DumpSegment> Segments => Kdump?.Segments ?? Placed;

    /// <summary>Gets the segments of a dump whose bytes are in its file as they are.</summary>
    internal DumpSegment[] Placed { get; }

    /// <summary>Gets the notes as they are in the file.</summary>
    internal byte[] Notes => _notes.WrittenSpan.ToArray();

    internal ushort Machine { get; private set; } = ElfFormat.X64;

    /// <summary>Gets the memory of a compressed kdump, which is not in its file as it is.</summary>
    internal KdumpImage? Kdump { get; private set; }

    /// <summary>The regions: segments that follow each other or share a page are one.</summary>
    internal RegionMap Regions()
    {
        if (Kdump is not null)
        {
            return Kdump.Regions;
        }

        var regions = new List<SnapshotRegion>();
        foreach (DumpSegment segment in Segments)
        {
            if (regions is [.., var previous] && previous.Range.Last!.Value is var last
                && (last.PageNumber == segment.Range.FirstPageNumber || last.Value + 1 == segment.Range.Start.Value))
            {
                ulong first = previous.Range.Start.Value;
                regions[^1] = previous with { Range = new GuestRange(first, segment.Range.Last!.Value.Value - first + 1) };
            }
            else
            {
                regions.Add(new SnapshotRegion(segment.Range, "dump", SnapshotFormat.PageSize, Protection.ReadWriteExecute));
            }
        }

        return new RegionMap([.. regions]);
    }

    private bool StartsWith(ReadOnlySpan<byte> signature)
    {
        Span<byte> start = stackalloc byte[signature.Length];
        if (_length < (ulong)start.Length)
        {
            return false;
        }

        Bytes.ReadAt(0, start);
        return start.SequenceEqual(signature);
    }

    private DumpFormat Detect()
    {
        if (StartsWith(KdumpFormat.Signature) || StartsWith(KdumpFormat.FlattenedSignature))
        {
            return DumpFormat.Kdump;
        }

        Span<byte> start = stackalloc byte[sizeof(uint)];
        start.Clear();
        Bytes.ReadAt(0, start[..(int)Math.Min((ulong)start.Length, _length)]);
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(start);
        return magic switch
        {
            ElfFormat.Magic => DumpFormat.Elf,
            LimeFormat.Magic => DumpFormat.Lime,
            _ => DumpFormat.Raw,
        };
    }

    private void ReadElf()
    {
        Span<byte> header = stackalloc byte[ElfFormat.HeaderLength];
        if (_length < ElfFormat.HeaderLength)
        {
            throw new InvalidDumpException(_name, "is an ELF file that ends in its header");
        }

        Bytes.ReadAt(0, header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != ElfFormat.Magic)
        {
            throw new InvalidDumpException(_name, "is no ELF file");
        }

        if (header[4] != ElfFormat.Class64 || header[5] != ElfFormat.LittleEndian)
        {
            throw new InvalidDumpException(_name, "is an ELF file, but not of 64 bits and little-endian, which alone is read");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) != ElfFormat.Core)
        {
            throw new InvalidDumpException(_name, "is an ELF file, but no core file");
        }

        Machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        uint count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (count == ElfFormat.ManySegments)
        {
            // The first section says how many there are.
            ulong sections = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
            Span<byte> section = stackalloc byte[ElfFormat.SectionLength];
            if (sections > _length || _length - sections < ElfFormat.SectionLength)
            {
                throw new InvalidDumpException(_name, "is an ELF file whose sections lie outside of it");
            }

            Bytes.ReadAt(sections, section);
            count = BinaryPrimitives.ReadUInt32LittleEndian(section[44..]);
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[54..]) != ElfFormat.SegmentLength
            || table > _length || count > (_length - table) / ElfFormat.SegmentLength)
        {
            throw new InvalidDumpException(_name, "is an ELF file whose list of segments lies outside of it");
        }

        if (count > MostSegments)
        {
            throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has {count} segments; up to {MostSegments} are read"));
        }

        Span<byte> entry = stackalloc byte[ElfFormat.SegmentLength];
        for (uint i = 0; i < count; i++)
        {
            Bytes.ReadAt(table + (i * ElfFormat.SegmentLength), entry);
            ReadSegment(entry);
        }

        // The core of a process has no physical addresses.
        bool isPhysical = _loads.Count < 2 || _loads.Exists(load => load.Segment.Range.Start.Value != 0);
        foreach ((DumpSegment segment, ulong address) in _loads)
        {
            _segments.Add(isPhysical ? segment : segment with { Range = RangeOf(address, segment.Range.Length) });
        }
    }

    private void ReadSegment(ReadOnlySpan<byte> entry)
    {
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
        ulong address = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
        ulong physical = BinaryPrimitives.ReadUInt64LittleEndian(entry[24..]);
        ulong inFile = BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]);
        ulong inMemory = BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]);
        if (type is not (ElfFormat.Load or ElfFormat.Note))
        {
            return;
        }

        if (inFile != 0 && (offset > _length || inFile > _length - offset))
        {
            throw new InvalidDumpException(_name, "is incomplete: a segment ends after the end of the file");
        }

        if (type == ElfFormat.Note)
        {
            ReadNotes(offset, inFile);
        }
        else if (inMemory != 0 && inFile <= inMemory)
        {
            _loads.Add((new DumpSegment(RangeOf(physical, inMemory), offset, inFile), address));
        }
        else if (inMemory != 0)
        {
            throw new InvalidDumpException(_name, "has a segment that is longer in the file than in memory");
        }
    }

    private void ReadNotes(ulong offset, ulong length)
    {
        if (length > LongestNotes - (ulong)_notes.WrittenCount)
        {
            throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has notes of more than {LongestNotes} bytes"));
        }

        byte[] piece = new byte[4096];
        for (ulong done = 0; done < length;)
        {
            Span<byte> part = piece.AsSpan(0, (int)Math.Min((ulong)piece.Length, length - done));
            Bytes.ReadAt(offset + done, part);
            _notes.Write(part);
            done += (ulong)part.Length;
        }
    }

    private void ReadKdump(SafeFileHandle file)
    {
        Kdump = new KdumpImage(StartsWith(KdumpFormat.FlattenedSignature) ? new FlattenedBytes(file, _name, _length) : Bytes);
        Machine = Kdump.Machine;
        _notes.Write(Kdump.Notes);
    }

    private void ReadLime()
    {
        Span<byte> header = stackalloc byte[LimeFormat.HeaderLength];
        for (ulong at = 0; at < _length;)
        {
            if (_length - at < LimeFormat.HeaderLength)
            {
                throw new InvalidDumpException(_name, "is incomplete: it ends in a header");
            }

            Bytes.ReadAt(at, header);
            ulong first = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            ulong last = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LimeFormat.Magic
                || BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != LimeFormat.Version)
            {
                throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has no header of LiME, version 1, at 0x{at:x}"));
            }

            if (last < first || last - first == ulong.MaxValue)
            {
                throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has a range from 0x{first:x} to 0x{last:x}, which is none"));
            }

            if (_segments.Count == MostSegments)
            {
                throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has more than {MostSegments} ranges"));
            }

            ulong length = last - first + 1;
            at += LimeFormat.HeaderLength;
            if (length > _length - at)
            {
                throw new InvalidDumpException(_name, "is incomplete: a range ends after the end of the file");
            }

            _segments.Add(new DumpSegment(RangeOf(first, length), at, length));
            at += length;
        }
    }

    /// <summary>Orders segments by address. Where some overlap, as those of a dump with paging do, the first of them counts.</summary>
    private DumpSegment[] Sort()
    {
        var sorted = new List<DumpSegment>();
        ulong? end = null;
        foreach (DumpSegment segment in _segments.OrderBy(segment => segment.Range.Start.Value).ThenByDescending(segment => segment.Range.Length))
        {
            ulong first = segment.Range.Start.Value;
            ulong last = segment.Range.Last!.Value.Value;
            if (end is { } covered && first <= covered)
            {
                if (last <= covered)
                {
                    continue;
                }

                ulong cut = covered + 1 - first;
                sorted.Add(new DumpSegment(
                    new GuestRange(covered + 1, segment.Range.Length - cut),
                    segment.FileOffset + Math.Min(cut, segment.FileLength),
                    segment.FileLength - Math.Min(cut, segment.FileLength)));
            }
            else
            {
                sorted.Add(segment);
            }

            end = last;
        }

        return [.. sorted];
    }

    private GuestRange RangeOf(ulong start, ulong length) => GuestRange.TryCreate(start, length, out GuestRange range)
        ? range
        : throw new InvalidDumpException(_name, string.Create(CultureInfo.InvariantCulture, $"has a segment at 0x{start:x} that ends past 2^64"));
}
