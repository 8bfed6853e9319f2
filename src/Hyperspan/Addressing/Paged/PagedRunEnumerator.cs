namespace Hyperspan;

/// <summary>Enumerates the contiguous runs of a <see cref="PagedRange"/>; see <see cref="PagedRange.Runs"/>.</summary>
public ref struct PagedRunEnumerator
{
    private const ulong HighestPageNumber = ulong.MaxValue >> GuestAddress.PageShift;

    private readonly int _count;
    private ReadOnlySpan<ulong> _pages;
    private ulong _left;
    private int _offset;
    private PagedRun _current;

    internal PagedRunEnumerator(PagedRange range)
    {
        _pages = range.PageNumbers;
        _count = _pages.Length;
        _left = range.Length;
        _offset = range.Offset;
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

        ReadOnlySpan<ulong> pages = _pages;
        ulong first = pages[0];
        if (first > HighestPageNumber)
        {
            _current = PagedRun.Invalid(first, _count - pages.Length);
            _left = 0;
            return true;
        }

        int count = 1;
        while (count < pages.Length && pages[count] == first + (ulong)count && pages[count] <= HighestPageNumber)
        {
            count++;
        }

        ulong length = Math.Min(_left, ((ulong)count << GuestAddress.PageShift) - (ulong)_offset);
        _current = new PagedRun(new GuestAddress((first << GuestAddress.PageShift) + (ulong)_offset), length);
        _pages = pages[count..];
        _left -= length;
        _offset = 0;
        return true;
    }
}
