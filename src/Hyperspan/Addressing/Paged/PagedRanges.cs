using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>A list of paged ranges, taken as one buffer: what a scattered request of a guest looks like whose pieces do not meet at page boundaries.</summary>
/// <remarks>It refers to the list, it does not copy it. Elements may be empty; enumerating leaves them out.</remarks>
[StructLayout(LayoutKind.Auto)]
public readonly ref partial struct PagedRanges
{
    private readonly ReadOnlySpan<PagedRangeBuffer> _ranges;

    // The bytes to leave out of the first element; less than it has, unless all is empty.
    private readonly ulong _skip;
    private readonly ulong _length;

    /// <summary>Makes one buffer of a list of ranges.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <exception cref="OverflowException">Together they have 2^64 bytes or more.</exception>
    public PagedRanges(ReadOnlySpan<PagedRangeBuffer> ranges)
    {
        ulong length = 0;
        foreach (ref readonly PagedRangeBuffer range in ranges)
        {
            length = checked(length + range.Length);
        }

        this = Cut(ranges, 0, length);
    }

    private PagedRanges(ReadOnlySpan<PagedRangeBuffer> ranges, ulong skip, ulong length)
    {
        _ranges = ranges;
        _skip = skip;
        _length = length;
    }

    /// <summary>Gets the number of bytes in all ranges together.</summary>
    public ulong Length => _length;

    /// <summary>Gets a value indicating whether there are no bytes.</summary>
    public bool IsEmpty => _length == 0;

    /// <summary>Enumerates the ranges that have bytes, the first and the last of them cut to what this list has of them.</summary>
    /// <returns>The enumerator, for <c>foreach</c>.</returns>
    public Enumerator GetEnumerator() => new(this);

    /// <summary>Cuts out a part, across ranges where need be.</summary>
    /// <param name="offset">The first byte of the part, in bytes from the start of this list.</param>
    /// <param name="length">The length of the part in bytes.</param>
    /// <returns>The part.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches past the end.</exception>
    public PagedRanges Slice(ulong offset, ulong length)
    {
        if (!TrySlice(offset, length, out PagedRanges part))
        {
            PagedThrow.PastEnd(offset, length, _length);
        }

        return part;
    }

    /// <summary>Cuts out a part, across ranges where need be, without throwing.</summary>
    /// <param name="offset">The first byte of the part, in bytes from the start of this list.</param>
    /// <param name="length">The length of the part in bytes.</param>
    /// <param name="part">The part; empty on failure.</param>
    /// <returns><see langword="false"/> if the part reaches past the end.</returns>
    public bool TrySlice(ulong offset, ulong length, out PagedRanges part)
    {
        if (offset > _length || length > _length - offset)
        {
            part = default;
            return false;
        }

        // The sum is at most the length of the list that this one was cut from.
        part = Cut(_ranges, _skip + offset, length);
        return true;
    }

    /// <summary>Leaves out bytes at the start.</summary>
    /// <param name="length">The number of bytes to leave out.</param>
    /// <returns>The rest.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer bytes.</exception>
    public PagedRanges Skip(ulong length)
    {
        if (length > _length)
        {
            PagedThrow.PastEnd(0, length, _length);
        }

        return Cut(_ranges, _skip + length, _length - length);
    }

    /// <summary>Leaves out bytes at the end.</summary>
    /// <param name="length">The number of bytes to keep.</param>
    /// <returns>The first <paramref name="length"/> bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer bytes.</exception>
    public PagedRanges Truncate(ulong length) => Slice(0, length);

    /// <summary>Splits the list in two.</summary>
    /// <param name="at">The length of the first part in bytes.</param>
    /// <param name="head">The bytes before <paramref name="at"/>.</param>
    /// <param name="tail">The bytes from <paramref name="at"/> on.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="at"/> is past the end.</exception>
    public void Split(ulong at, out PagedRanges head, out PagedRanges tail)
    {
        head = Slice(0, at);
        tail = Skip(at);
    }

    // Drops the ranges before the part; those behind it are cut off by the length.
    private static PagedRanges Cut(ReadOnlySpan<PagedRangeBuffer> ranges, ulong skip, ulong length)
    {
        if (length == 0)
        {
            return default;
        }

        int first = 0;
        while (skip >= ranges[first].Length)
        {
            skip -= ranges[first].Length;
            first++;
        }

        return new PagedRanges(ranges[first..], skip, length);
    }

    /// <summary>Enumerates a <see cref="PagedRanges"/>.</summary>
    public ref struct Enumerator
    {
        private readonly ReadOnlySpan<PagedRangeBuffer> _ranges;
        private int _next;
        private ulong _skip;
        private ulong _left;
        private PagedRange _current;

        internal Enumerator(PagedRanges ranges)
        {
            _ranges = ranges._ranges;
            _skip = ranges._skip;
            _left = ranges._length;
        }

        /// <summary>Gets the range that <see cref="MoveNext"/> has found. It has bytes.</summary>
        public readonly PagedRange Current => _current;

        /// <summary>Goes on to the next range that has bytes.</summary>
        /// <returns><see langword="false"/> at the end.</returns>
        public bool MoveNext()
        {
            while (_left > 0)
            {
                PagedRange range = _ranges[_next++].Range;
                ulong skip = _skip;
                _skip = 0;
                ulong length = Math.Min(range.Length - skip, _left);
                if (length > 0)
                {
                    _current = range.Slice(skip, length);
                    _left -= length;
                    return true;
                }
            }

            return false;
        }
    }
}
