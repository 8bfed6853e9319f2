using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>
/// What is mapped where in a sparse mapping: segments in ascending order that do not overlap; between them lies reserved space.
/// Not thread-safe: its owner holds a lock.
/// </summary>
/// <remarks>A list and not a tree: the kernel allows some 65,000 mappings in a process, and moving that many entries takes less than a system call does.</remarks>
internal sealed class MappingTable
{
    private readonly List<MappingSegment> _segments = [];
    private readonly List<MappedFile> _files = [];

    /// <summary>Gets the files that segments refer to.</summary>
    internal List<MappedFile> Files => _files;

    internal ReadOnlySpan<MappingSegment> All => CollectionsMarshal.AsSpan(_segments);

    /// <summary>Copies the parts of segments that lie in a range, in ascending order.</summary>
    internal List<MappingSegment> In(ulong start, ulong end)
    {
        List<MappingSegment> parts = [];
        for (int i = FirstEndingAfter(start); i < _segments.Count && _segments[i].Start < end; i++)
        {
            MappingSegment segment = _segments[i];
            parts.Add(segment.Slice(Math.Max(start, segment.Start), Math.Min(end, segment.End)));
        }

        return parts;
    }

    /// <summary>Finds the segment of a byte.</summary>
    internal bool TryFind(ulong address, out MappingSegment segment)
    {
        int i = FirstEndingAfter(address);
        bool found = i < _segments.Count && _segments[i].Start <= address;
        segment = found ? _segments[i] : default;
        return found;
    }

    /// <summary>Finds the first byte of a range that no segment has.</summary>
    internal ulong? FirstHole(ulong start, ulong end)
    {
        for (int i = FirstEndingAfter(start); start < end; i++)
        {
            if (i == _segments.Count || _segments[i].Start > start)
            {
                return start;
            }

            start = _segments[i].End;
        }

        return null;
    }

    /// <summary>Removes a range, cutting the segments it begins and ends in.</summary>
    internal void Clear(ulong start, ulong end)
    {
        int first = FirstEndingAfter(start);
        int last = first;
        while (last < _segments.Count && _segments[last].Start < end)
        {
            last++;
        }

        if (first == last)
        {
            return;
        }

        MappingSegment head = _segments[first];
        MappingSegment tail = _segments[last - 1];
        int insertAt = first;
        if (head.Start < start)
        {
            Use(head);
            _segments.Insert(insertAt++, head.Slice(head.Start, start));
            last++;
        }

        if (tail.End > end)
        {
            Use(tail);
            _segments.Insert(insertAt, tail.Slice(end, tail.End));
            insertAt++;
            last++;
        }

        for (int i = insertAt; i < last; i++)
        {
            Drop(_segments[i]);
        }

        _segments.RemoveRange(insertAt, last - insertAt);
    }

    /// <summary>Puts a segment in the place of whatever its range held, and joins it with neighbours that it continues.</summary>
    internal void Set(in MappingSegment segment)
    {
        Debug.Assert(segment.Start < segment.End, "never empty");
        Use(segment);
        Clear(segment.Start, segment.End);
        int i = FirstEndingAfter(segment.Start);
        _segments.Insert(i, segment);
        JoinWithNext(i);
        if (i > 0)
        {
            JoinWithNext(i - 1);
        }
    }

    /// <summary>Closes files that nothing refers to: for after one was looked up and then not used.</summary>
    internal void CloseUnusedFiles() =>
        _files.RemoveAll(static file =>
        {
            if (file.Uses == 0)
            {
                file.Handle.Dispose();
            }

            return file.Uses == 0;
        });

    private static void Use(in MappingSegment segment)
    {
        if (segment.File is { } file)
        {
            file.Uses++;
        }
    }

    private void Drop(in MappingSegment segment)
    {
        if (segment.File is { } file && --file.Uses == 0)
        {
            file.Handle.Dispose();
            _files.Remove(file);
        }
    }

    private void JoinWithNext(int i)
    {
        if (i + 1 < _segments.Count && _segments[i].ContinuesInto(_segments[i + 1]))
        {
            Drop(_segments[i + 1]);
            _segments[i] = _segments[i] with { End = _segments[i + 1].End };
            _segments.RemoveAt(i + 1);
        }
    }

    private int FirstEndingAfter(ulong address) => SortedSearch.FirstNotBelow(CollectionsMarshal.AsSpan(_segments), address + 1, static segment => segment.End);
}
