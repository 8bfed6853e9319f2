namespace Hyperspan;

/// <content>Bytes of lists of paged ranges: the ranges one after the other, each as by itself.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads the bytes of a list of paged ranges.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="destination">As long as the ranges together. Receives the bytes: all of them, or an unspecified part of them where the read fails.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is not as long as <paramref name="ranges"/>.</exception>
    /// <exception cref="GuestMemoryException">Not all of the ranges could be read.</exception>
    public void Read(in PagedRanges ranges, Span<byte> destination)
    {
        if (!TryRead(ranges, destination, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Reads the bytes of a list of paged ranges and says why where it cannot. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="destination">As long as the ranges together. Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is not as long as <paramref name="ranges"/>.</exception>
    public bool TryRead(in PagedRanges ranges, Span<byte> destination, out GuestMemoryFault fault)
    {
        // SAFETY: pinned meanwhile, and as long as it says.
        fixed (byte* pinned = destination)
        {
            return TryRead(ranges, pinned, (ulong)destination.Length, out fault);
        }
    }

    /// <summary>
    /// Reads the bytes of a list of paged ranges into memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be read.
    /// </summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="destination"/>: that of the ranges together.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="ranges"/>.</exception>
    public bool TryRead(in PagedRanges ranges, void* destination, ulong length, out GuestMemoryFault fault)
    {
        if (length != ranges.Length)
        {
            PagedThrow.LengthMismatch(length, ranges.Length);
        }

        byte* to = (byte*)destination;
        foreach (PagedRange range in ranges)
        {
            if (!TryRead(range, to, range.Length, out fault))
            {
                return false;
            }

            to += range.Length;
        }

        fault = default;
        return true;
    }

    /// <summary>Writes the bytes of a list of paged ranges.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="source">The bytes; as many as the ranges have together.</param>
    /// <exception cref="ArgumentException"><paramref name="source"/> is not as long as <paramref name="ranges"/>.</exception>
    /// <exception cref="GuestMemoryException">Not all of the ranges could be written; what comes before the fault has been or may have been.</exception>
    public void Write(in PagedRanges ranges, ReadOnlySpan<byte> source)
    {
        if (!TryWrite(ranges, source, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Writes the bytes of a list of paged ranges and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="source">The bytes; as many as the ranges have together.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    /// <exception cref="ArgumentException"><paramref name="source"/> is not as long as <paramref name="ranges"/>.</exception>
    public bool TryWrite(in PagedRanges ranges, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = source)
        {
            return TryWrite(ranges, pinned, (ulong)source.Length, out fault);
        }
    }

    /// <summary>
    /// Writes the bytes of a list of paged ranges from memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="source"/>: that of the ranges together.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="ranges"/>.</exception>
    public bool TryWrite(in PagedRanges ranges, void* source, ulong length, out GuestMemoryFault fault)
    {
        if (length != ranges.Length)
        {
            PagedThrow.LengthMismatch(length, ranges.Length);
        }

        byte* from = (byte*)source;
        foreach (PagedRange range in ranges)
        {
            if (!TryWrite(range, from, range.Length, out fault))
            {
                return false;
            }

            from += range.Length;
        }

        fault = default;
        return true;
    }

    /// <summary>Fills a list of paged ranges with one byte value.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">Not all of the ranges could be written; what comes before the fault has been or may have been.</exception>
    public void Fill(in PagedRanges ranges, byte value)
    {
        if (!TryFill(ranges, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Fills a list of paged ranges with one byte value and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why not all of them could be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryFill(in PagedRanges ranges, byte value, out GuestMemoryFault fault)
    {
        foreach (PagedRange range in ranges)
        {
            if (!TryFill(range, value, out fault))
            {
                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>Fills a list of paged ranges with zeros.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <exception cref="GuestMemoryException">Not all of the ranges could be written; what comes before the fault has been or may have been.</exception>
    public void Clear(in PagedRanges ranges) => Fill(ranges, 0);

    /// <summary>Fills a list of paged ranges with zeros and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="ranges">The ranges.</param>
    /// <param name="fault">Why not all of them could be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryClear(in PagedRanges ranges, out GuestMemoryFault fault) => TryFill(ranges, 0, out fault);
}
