using System.Buffers.Binary;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>
/// A dump as it was sent through a pipe (makedumpfile's flattened format): records, each with the offset that its bytes belong to, in big-endian numbers. A later one takes the
/// place of what earlier ones have there.
/// </summary>
internal sealed class FlattenedBytes : DumpBytes
{
    // Each is in the file, which may be a sparse one: an index of 400 MiB at most. Records of QEMU have 4 KiB or more.
    private const int MostPieces = 1 << 24;

    // Of pieces that are not in the order of their offsets: each is put in its place among the others.
    private const int MostMoved = 1 << 12;

    private readonly List<Piece> _pieces = [];
    private int _moved;

    internal FlattenedBytes(SafeFileHandle file, string name, ulong length)
        : base(file, name, length)
    {
        Span<byte> record = stackalloc byte[KdumpFormat.FlattenedRecordLength];
        for (ulong at = KdumpFormat.FlattenedHeaderLength; ;)
        {
            base.ReadAt(at, record);
            long offset = BinaryPrimitives.ReadInt64BigEndian(record);
            long count = BinaryPrimitives.ReadInt64BigEndian(record[sizeof(long)..]);
            at += KdumpFormat.FlattenedRecordLength;
            if (offset == -1 && count == -1)
            {
                break;
            }

            if (offset < 0 || count <= 0 || (ulong)count > base.Length - at || offset > long.MaxValue - count)
            {
                throw new InvalidDumpException(name, "is a flattened kdump with a record that is none, or is incomplete");
            }

            Add(new Piece((ulong)offset, (ulong)offset + (ulong)count, at));
            at += (ulong)count;
        }

        Length = _pieces.Count == 0 ? 0 : _pieces[^1].End;
    }

    internal override ulong Length { get; }

    internal override void ReadAt(ulong offset, Span<byte> destination)
    {
        if (offset > Length || (ulong)destination.Length > Length - offset)
        {
            throw new InvalidDumpException(Name, "is incomplete");
        }

        // What no record has is zero, as in the file that they were of.
        destination.Clear();
        ulong end = offset + (ulong)destination.Length;
        for (int i = FirstEndingAfter(offset); i < _pieces.Count && _pieces[i].Start < end; i++)
        {
            Piece piece = _pieces[i];
            ulong from = Math.Max(offset, piece.Start), to = Math.Min(end, piece.End);
            ReadFile(piece.InFile + (from - piece.Start), destination[(int)(from - offset)..(int)(to - offset)]);
        }
    }

    internal override ulong NextData(ulong offset)
    {
        int i = FirstEndingAfter(offset);
        return i == _pieces.Count ? Length : Math.Max(offset, _pieces[i].Start);
    }

    private void Add(Piece piece)
    {
        if (_pieces.Count == MostPieces)
        {
            throw new InvalidDumpException(Name, $"is a flattened kdump of more than {MostPieces} records");
        }

        if (_pieces is [.., var last] && piece.Start < last.End)
        {
            Replace(piece);
        }
        else if (_pieces is [.., var before] && before.End == piece.Start && before.InFile + (before.End - before.Start) == piece.InFile)
        {
            _pieces[^1] = before with { End = piece.End };
        }
        else
        {
            _pieces.Add(piece);
        }
    }

    /// <summary>Puts a piece in its place, and cuts what was there.</summary>
    private void Replace(Piece piece)
    {
        if (++_moved > MostMoved)
        {
            throw new InvalidDumpException(Name, "is a flattened kdump whose records are not in order");
        }

        int first = FirstEndingAfter(piece.Start), last = first;
        while (last < _pieces.Count && _pieces[last].Start < piece.End)
        {
            last++;
        }

        var parts = new List<Piece>();
        if (first < last && _pieces[first].Start < piece.Start)
        {
            parts.Add(_pieces[first] with { End = piece.Start });
        }

        parts.Add(piece);
        if (first < last && _pieces[last - 1].End > piece.End)
        {
            Piece tail = _pieces[last - 1];
            parts.Add(new Piece(piece.End, tail.End, tail.InFile + (piece.End - tail.Start)));
        }

        _pieces.RemoveRange(first, last - first);
        _pieces.InsertRange(first, parts);
    }

    private int FirstEndingAfter(ulong offset) =>
        SortedSearch.FirstNotBelow(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_pieces), offset + 1, static piece => piece.End);

    private readonly record struct Piece(ulong Start, ulong End, ulong InFile);
}
