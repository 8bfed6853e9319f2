using System.Diagnostics;

namespace Hyperspan.Streaming;

/// <summary>A <see cref="PagedRange"/>, or a part of one, that can be kept: in a field, in an array, across an <c>await</c>.</summary>
/// <remarks>
/// It refers to the page numbers, it does not copy them: give it an array of its own where the original belongs to a guest or is going to be reused.
/// </remarks>
[DebuggerDisplay("{Length} bytes at {Offset} in {PageNumbers.Length} pages")]
public readonly struct PagedRangeBuffer
{
    /// <summary>Keeps a range over pages.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="offset">The first byte of the range, in bytes from the start of the first page; it may lie in a later page.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="ArgumentException">The pages are too few for <paramref name="offset"/> and <paramref name="length"/>.</exception>
    public PagedRangeBuffer(ReadOnlyMemory<ulong> pageNumbers, ulong offset, ulong length)
    {
        // The constructor checks. What it makes of the offset is done again each time: no more than a shift.
        _ = new PagedRange(pageNumbers.Span, offset, length);
        PageNumbers = pageNumbers;
        Offset = offset;
        Length = length;
    }

    /// <summary>Gets the page numbers, as given.</summary>
    public ReadOnlyMemory<ulong> PageNumbers { get; }

    /// <summary>Gets the first byte of the range, in bytes from the start of the first page, as given.</summary>
    public ulong Offset { get; }

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Gets the range.</summary>
    public PagedRange Range => new(PageNumbers.Span, Offset, Length);
}
