using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Streaming;

/// <summary>Bytes that lie scattered over guest pages: a list of page numbers, an offset into the first page, and a length; or several of these, one after the other.</summary>
/// <remarks>
/// <para>
/// The pages are taken as one flat buffer, in the order of the list; a page may be named more than once. A list of pages is covered from the offset on, its last page up to
/// where the length ends, and every page between them whole. Buffers that do not fit this shape, since their pieces do not meet at the edges of pages, have several parts:
/// each is a <see cref="PagedRangeBuffer"/>.
/// </para>
/// <para>
/// Page numbers are those of 4 KiB pages. They come from a guest, so they are not checked when the range is made: a number of 2^52 or
/// more, which names no address, is reported by <see cref="Runs"/> and by the access that reaches it.
/// </para>
/// <para>
/// The range refers to the lists, it does not copy them: a list that changes meanwhile changes the range. To keep a range on the heap, use <see cref="ToBuffers"/>.
/// </para>
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly ref struct PagedRange
{
    // Of the first part, which has bytes unless there are none at all: exactly the pages of which a byte is covered, and where the first of them is entered.
    private readonly ReadOnlySpan<ulong> _pages;
    private readonly ulong _here;
    private readonly int _offset;

    // The parts behind it, as far as the length goes. Some may be empty.
    private readonly ReadOnlySpan<PagedRangeBuffer> _others;
    private readonly ulong _length;

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

    /// <summary>Makes one range of several: what a scattered request of a guest looks like.</summary>
    /// <param name="parts">The parts; empty ones are left out.</param>
    /// <exception cref="OverflowException">Together they have 2^64 bytes or more.</exception>
    public PagedRange(ReadOnlySpan<PagedRangeBuffer> parts)
    {
        ulong length = 0;
        foreach (ref readonly PagedRangeBuffer part in parts)
        {
            length = checked(length + part.Length);
        }

        this = Cut(parts, 0, length);
    }

    private PagedRange(ReadOnlySpan<ulong> pages, int offset, ulong here, ReadOnlySpan<PagedRangeBuffer> others, ulong length)
    {
        _pages = pages;
        _offset = offset;
        _here = here;
        _others = others;
        _length = length;
    }

    /// <summary>Gets the range without any byte; also the default value.</summary>
    public static PagedRange Empty => default;

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length => _length;

    /// <summary>Gets a value indicating whether the range has no bytes.</summary>
    public bool IsEmpty => _length == 0;

    /// <summary>Gets the parts that are contiguous in guest memory, in order: consecutive page numbers of a part make one run.</summary>
    /// <remarks>
    /// For <c>foreach</c>. At a page number that names no address the enumeration gives one run with <see cref="PagedRun.IsValid"/>
    /// <see langword="false"/> and ends there.
    /// </remarks>
    public PagedRunEnumerator Runs => new(_pages, _offset, _here, _others, _length);

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

        range = Cut(pageNumbers, offset, length, default, length);
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

        part = Cut(offset, length);
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

        return Cut(length, _length - length);
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

        head = Cut(0, at);
        tail = Cut(at, _length - at);
        return true;
    }

    /// <summary>Copies the range and its page numbers, to be kept: in a field, in an array, across an <c>await</c>.</summary>
    /// <returns>The parts that have bytes; they depend on nothing else. <see cref="PagedRange(ReadOnlySpan{PagedRangeBuffer})"/> makes a range of them again.</returns>
    public PagedRangeBuffer[] ToBuffers()
    {
        var parts = new List<PagedRangeBuffer>();
        for (PagedRange rest = this; !rest.IsEmpty; rest = rest.Skip(rest._here))
        {
            parts.Add(new PagedRangeBuffer(rest._pages.ToArray(), (ulong)rest._offset, rest._here));
        }

        return [.. parts];
    }

    /// <summary>Gives the address of the value that the range begins with, where all of it lies in one page that has an address: then it can be one access.</summary>
    internal bool TryGetScalarAddress<T>(out GuestAddress address)
        where T : unmanaged
    {
        if ((ulong)Unsafe.SizeOf<T>() <= _here
            && _offset + Unsafe.SizeOf<T>() <= GuestAddress.PageSize
            && GuestAddress.TryFromPageNumber(_pages[0], out GuestAddress page))
        {
            address = new GuestAddress(page.Value + (ulong)_offset);
            return true;
        }

        address = default;
        return false;
    }

    // The caller has checked that the pages, or the parts, reach that far.
    private static PagedRange Cut(ReadOnlySpan<ulong> pages, ulong offset, ulong here, ReadOnlySpan<PagedRangeBuffer> others, ulong length)
    {
        if (length == 0)
        {
            return default;
        }

        int first = (int)(offset >> GuestAddress.PageShift);
        int last = (int)((offset + (here - 1)) >> GuestAddress.PageShift);
        return new PagedRange(pages[first..(last + 1)], (int)(offset & (GuestAddress.PageSize - 1)), here, others, length);
    }

    private static PagedRange Cut(ReadOnlySpan<PagedRangeBuffer> parts, ulong offset, ulong length)
    {
        if (length == 0)
        {
            return default;
        }

        int first = 0;
        for (; offset >= parts[first].Length; first++)
        {
            offset -= parts[first].Length;
        }

        ref readonly PagedRangeBuffer part = ref parts[first];
        ulong here = Math.Min(part.Length - offset, length);
        return Cut(part.PageNumbers.Span, part.Offset + offset, here, parts[(first + 1)..], length);
    }

    private PagedRange Cut(ulong offset, ulong length) => offset < _here
        ? Cut(_pages, (ulong)_offset + offset, Math.Min(_here - offset, length), _others, length)
        : Cut(_others, offset - _here, length);
}
