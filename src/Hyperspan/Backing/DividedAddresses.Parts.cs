using System.Diagnostics;
using System.Runtime.InteropServices;

using Hyperspan.Synchronization;

namespace Hyperspan;

/// <content>The list of parts, and what was written in them.</content>
internal sealed unsafe partial class DividedAddresses
{
    /// <summary>
    /// Marks what has been written since the last time. The system notes it of private memory; a view that is mapped for writing counts as written all the time. What was
    /// replaced meanwhile is for its owner to mark.
    /// </summary>
    internal void TakeWritten(DirtyMap marks)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            foreach (DividedPart part in _parts)
            {
                if (part.Kind == DividedPartKind.Private)
                {
                    WriteWatch.Take(_address, part.Start, part.End, marks);
                }
                else if (part.Kind == DividedPartKind.View && Rank(part.Mapped) > 1)
                {
                    marks.Mark(part.Start, part.End - part.Start);
                }
            }
        }
    }

    private int IndexOf(ulong at) => SortedSearch.FirstNotBelow(CollectionsMarshal.AsSpan(_parts), at + 1, static part => part.End);

    /// <summary>Copies what of the parts lies in a range.</summary>
    private List<DividedPart> In(ulong start, ulong end)
    {
        List<DividedPart> parts = Whole(start, end);
        for (int i = 0; i < parts.Count; i++)
        {
            parts[i] = parts[i].Slice(Math.Max(start, parts[i].Start), Math.Min(end, parts[i].End));
        }

        return parts;
    }

    /// <summary>Copies the parts that a range touches.</summary>
    private List<DividedPart> Whole(ulong start, ulong end)
    {
        List<DividedPart> parts = [];
        for (int i = IndexOf(start); i < _parts.Count && _parts[i].Start < end; i++)
        {
            parts.Add(_parts[i]);
        }

        return parts;
    }

    /// <summary>Whether a part is one as it is, and not a piece of it.</summary>
    private bool IsPart(in DividedPart part)
    {
        DividedPart there = _parts[IndexOf(part.Start)];
        return there.Start == part.Start && there.End == part.End;
    }

    /// <summary>Puts a part in the place of what its range held; what of that lies outside remains.</summary>
    private void Set(in DividedPart part)
    {
        int first = IndexOf(part.Start);
        int last = IndexOf(part.End - 1);
        DividedPart before = _parts[first];
        DividedPart after = _parts[last];
        _parts.RemoveRange(first, last - first + 1);
        if (after.End > part.End)
        {
            _parts.Insert(first, after.Slice(part.End, after.End));
        }

        _parts.Insert(first, part);
        if (before.Start < part.Start)
        {
            _parts.Insert(first, before.Slice(before.Start, part.Start));
        }

        Debug.Assert(part.Start < part.End, "never empty");
    }
}
