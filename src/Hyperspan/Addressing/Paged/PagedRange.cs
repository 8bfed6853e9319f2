using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>A run of bytes that lies scattered over guest pages: a list of page numbers, an offset into the first page, and a length.</summary>
/// <remarks>
/// <para>
/// The pages are taken as one flat buffer, in the order of the list; a page may be named more than once. The range covers the first page from
/// <see cref="Offset"/> on, the last page up to where the length ends, and every page between them whole. Buffers that do not fit this
/// shape are a list of such ranges: <see cref="PagedRanges"/>.
/// </para>
/// <para>
/// Page numbers are those of 4 KiB pages. They come from a guest, so they are not checked when the range is made: a number of 2^52 or
/// more, which names no address, is reported by <see cref="Runs"/> and by the access that reaches it.
/// </para>
/// <para>
/// The range refers to the list, it does not copy it: a list that changes meanwhile changes the range. An empty range has no pages and offset zero, whatever
/// it was cut from. To keep a range on the heap, use <see cref="PagedRangeBuffer"/>.
/// </para>
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly ref partial struct PagedRange
{
    // Exactly the pages of which a byte is covered; none for an empty range.
    private readonly ReadOnlySpan<ulong> _pages;
    private readonly ulong _length;
    private readonly int _offset;

    /// <summary>Makes a range over pages.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="offset">The first byte of the range, in bytes from the start of the first page; it may lie in a later page.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="ArgumentException">The pages are too few for <paramref name="offset"/> and <paramref name="length"/>.</exception>
    public PagedRange(ReadOnlySpan<ulong> pageNumbers, ulong offset, ulong length)
    {
        if (!TryCreate(pageNumbers, offset, length, out this))
        {
            PagedThrow.TooFewPages(pageNumbers.Length, offset, length);
        }
    }

    private PagedRange(ReadOnlySpan<ulong> pages, int offset, ulong length)
    {
        _pages = pages;
        _offset = offset;
        _length = length;
    }

    /// <summary>Gets the range without any byte; also the default value.</summary>
    public static PagedRange Empty => default;

    /// <summary>Gets the numbers of the pages of which the range has at least one byte.</summary>
    public ReadOnlySpan<ulong> PageNumbers => _pages;

    /// <summary>Gets the offset in bytes of the first byte within its page, 0 to 4095. Only the first page can be entered elsewhere than at its start.</summary>
    public int Offset => _offset;

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length => _length;

    /// <summary>Gets a value indicating whether the range has no bytes.</summary>
    public bool IsEmpty => _length == 0;

    /// <summary>Gets the parts that are contiguous in guest memory, in order: consecutive page numbers make one run.</summary>
    /// <remarks>
    /// For <c>foreach</c>. At a page number that names no address the enumeration gives one run with <see cref="PagedRun.IsValid"/>
    /// <see langword="false"/> and ends there.
    /// </remarks>
    public PagedRunEnumerator Runs => new(this);

    /// <summary>Makes a range over pages, without throwing.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="offset">The first byte of the range, in bytes from the start of the first page; it may lie in a later page.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="range">The range; empty on failure.</param>
    /// <returns><see langword="false"/> if the pages are too few for <paramref name="offset"/> and <paramref name="length"/>.</returns>
    public static bool TryCreate(ReadOnlySpan<ulong> pageNumbers, ulong offset, ulong length, out PagedRange range)
    {
        ulong available = (ulong)pageNumbers.Length << GuestAddress.PageShift;
        if (offset > available || length > available - offset)
        {
            range = default;
            return false;
        }

        range = Cut(pageNumbers, offset, length);
        return true;
    }

    /// <summary>Cuts out a part.</summary>
    /// <param name="offset">The first byte of the part, in bytes from the start of this range.</param>
    /// <param name="length">The length of the part in bytes.</param>
    /// <returns>The part.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches past the end.</exception>
    public PagedRange Slice(ulong offset, ulong length)
    {
        if (!TrySlice(offset, length, out PagedRange part))
        {
            PagedThrow.PastEnd(offset, length, _length);
        }

        return part;
    }

    /// <summary>Cuts out a part, without throwing.</summary>
    /// <param name="offset">The first byte of the part, in bytes from the start of this range.</param>
    /// <param name="length">The length of the part in bytes.</param>
    /// <param name="part">The part; empty on failure.</param>
    /// <returns><see langword="false"/> if the part reaches past the end.</returns>
    public bool TrySlice(ulong offset, ulong length, out PagedRange part)
    {
        if (offset > _length || length > _length - offset)
        {
            part = default;
            return false;
        }

        part = Cut(_pages, (ulong)_offset + offset, length);
        return true;
    }

    /// <summary>Leaves out bytes at the start.</summary>
    /// <param name="length">The number of bytes to leave out.</param>
    /// <returns>The rest.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer bytes.</exception>
    public PagedRange Skip(ulong length)
    {
        if (length > _length)
        {
            PagedThrow.PastEnd(0, length, _length);
        }

        return Cut(_pages, (ulong)_offset + length, _length - length);
    }

    /// <summary>Leaves out bytes at the end.</summary>
    /// <param name="length">The number of bytes to keep.</param>
    /// <returns>The first <paramref name="length"/> bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer bytes.</exception>
    public PagedRange Truncate(ulong length) => Slice(0, length);

    /// <summary>Splits the range in two.</summary>
    /// <param name="at">The length of the first part in bytes.</param>
    /// <param name="head">The bytes before <paramref name="at"/>.</param>
    /// <param name="tail">The bytes from <paramref name="at"/> on.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="at"/> is past the end.</exception>
    public void Split(ulong at, out PagedRange head, out PagedRange tail)
    {
        if (!TrySplit(at, out head, out tail))
        {
            PagedThrow.PastEnd(0, at, _length);
        }
    }

    /// <summary>Splits the range in two, without throwing.</summary>
    /// <param name="at">The length of the first part in bytes.</param>
    /// <param name="head">The bytes before <paramref name="at"/>; empty on failure.</param>
    /// <param name="tail">The bytes from <paramref name="at"/> on; empty on failure.</param>
    /// <returns><see langword="false"/> if <paramref name="at"/> is past the end.</returns>
    public bool TrySplit(ulong at, out PagedRange head, out PagedRange tail)
    {
        if (at > _length)
        {
            head = default;
            tail = default;
            return false;
        }

        head = Cut(_pages, (ulong)_offset, at);
        tail = Cut(_pages, (ulong)_offset + at, _length - at);
        return true;
    }

    // The caller has checked that the pages reach that far.
    private static PagedRange Cut(ReadOnlySpan<ulong> pages, ulong offset, ulong length)
    {
        if (length == 0)
        {
            return default;
        }

        int first = (int)(offset >> GuestAddress.PageShift);
        int last = (int)((offset + (length - 1)) >> GuestAddress.PageShift);
        return new PagedRange(pages[first..(last + 1)], (int)(offset & (GuestAddress.PageSize - 1)), length);
    }
}
