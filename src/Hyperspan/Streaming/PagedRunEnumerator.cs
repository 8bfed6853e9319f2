namespace Hyperspan.Streaming;

/// <summary>Enumerates the contiguous runs of a <see cref="PagedRange"/>; see <see cref="PagedRange.Runs"/>.</summary>
public ref struct PagedRunEnumerator
{
    private const ulong HighestPageNumber = ulong.MaxValue >> GuestAddress.PageShift;

    private ReadOnlySpan<ulong> _pages;
    private ReadOnlySpan<PagedRangeBuffer> _others;

    // Of the part that is enumerated, and of all.
    private ulong _here;
    private ulong _left;
    private int _offset;

    // The pages that have been enumerated.
    private int _passed;
    private PagedRun _current;

    internal PagedRunEnumerator(ReadOnlySpan<ulong> pages, int offset, ulong here, ReadOnlySpan<PagedRangeBuffer> others, ulong length)
    {
        _pages = pages;
        _offset = offset;
        _here = here;
        _others = others;
        _left = length;
    }

    /// <summary>Gets the run that <see cref="MoveNext"/> has found.</summary>
    public readonly PagedRun Current => _current;

    /// <summary>Gets this enumerator, for <c>foreach</c>.</summary>
    /// <returns>A copy: enumerating it leaves this one where it is.</returns>
    public readonly PagedRunEnumerator GetEnumerator() => this;

    /// <summary>Goes on to the next run.</summary>
    /// <returns><see langword="false"/> at the end of the range, and after a run that is not valid.</returns>
    public bool MoveNext()
    {
        if (_left == 0)
        {
            return false;
        }

        if (_here == 0)
        {
            NextPart();
        }

        ReadOnlySpan<ulong> pages = _pages;
        ulong first = pages[0];
        if (first > HighestPageNumber)
        {
            _current = PagedRun.Invalid(first, _passed);
            _left = 0;
            return true;
        }

        int count = 1;
        while (count < pages.Length && pages[count] == first + (ulong)count && pages[count] <= HighestPageNumber)
        {
            count++;
        }

        ulong length = Math.Min(_here, ((ulong)count << GuestAddress.PageShift) - (ulong)_offset);
        _current = new PagedRun(new GuestAddress((first << GuestAddress.PageShift) + (ulong)_offset), length);
        _pages = pages[count..];
        _here -= length;
        _left -= length;
        _offset = 0;
        _passed += count;
        return true;
    }

    /// <summary>Goes on to the next part that has bytes: there is one as long as any are left.</summary>
    private void NextPart()
    {
        PagedRangeBuffer part;
        do
        {
            part = _others[0];
            _others = _others[1..];
        }
        while (part.Length == 0);

        _here = Math.Min(part.Length, _left);
        _pages = part.PageNumbers.Span[(int)(part.Offset >> GuestAddress.PageShift)..(int)(((part.Offset + (_here - 1)) >> GuestAddress.PageShift) + 1)];
        _offset = (int)(part.Offset & (GuestAddress.PageSize - 1));
    }
}
