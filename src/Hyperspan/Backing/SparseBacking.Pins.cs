using System.Globalization;

using Hyperspan.Synchronization;

namespace Hyperspan;

/// <content>Page pins, and the checks that depend on them.</content>
public sealed unsafe partial class SparseBacking
{
    /// <summary>Gets whether a page is pinned, at this moment.</summary>
    /// <param name="pageNumber">The number of the page of 4 KiB from the start of the mapping.</param>
    /// <returns><see langword="true"/> while at least one pin holds it; <see langword="false"/> for pages past the end.</returns>
    public bool IsPinned(ulong pageNumber)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            return _locks.IsPinned(pageNumber);
        }
    }

    /// <summary>Pins pages. It does not look at what is mapped there: the caller probes the pages after it has pinned them.</summary>
    /// <inheritdoc/>
    protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
    {
        unpinRequired = false;
        foreach (ulong page in pageNumbers)
        {
            if (page >= Length >> PageMath.PageShift)
            {
                ulong address = page <= ulong.MaxValue >> PageMath.PageShift ? page << PageMath.PageShift : ulong.MaxValue;
                return BackingResult.Fail(GuestMemoryFaultKind.OutOfRange, address);
            }
        }

        using (UninterruptedLock.Enter(_gate))
        {
            _locks.Add(pageNumbers);
        }

        unpinRequired = !pageNumbers.IsEmpty;
        return BackingResult.Success;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">A page is not pinned, or not as often as it is named. Then none is unpinned.</exception>
    protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            if (_locks.Remove(pageNumbers) is { } page)
            {
                throw new InvalidOperationException($"'{Name}': page {page} is not pinned as often as it is to be unpinned.");
            }
        }
    }

    /// <summary>Says so of private memory. What a file holds can be truncated by whoever else has it open.</summary>
    /// <inheritdoc/>
    protected internal override bool KeepsPinnedPages(ulong firstPage, ulong pageCount)
    {
        ulong start = firstPage << PageMath.PageShift;
        ulong end = start + (pageCount << PageMath.PageShift);
        using (UninterruptedLock.Enter(_gate))
        {
            return _table.FirstHole(start, end) is null && _table.In(start, end).TrueForAll(segment => segment.File is null);
        }
    }

    private static bool IsReduced(Protection before, Protection after) =>
        (before.CanRead && !after.CanRead) || (before.CanWrite && !after.CanWrite);

    private ulong RequireRange(ulong offset, ulong length)
    {
        PageMath.RequirePages(offset, length, Length);
        return offset + length;
    }

    /// <summary>
    /// The same for what changes pages, which the system does by whole ones of its own: an end inside of one it would move to the end of it, and do the same to what lies between.
    /// </summary>
    /// <exception cref="GuestMemoryMappingException">The range begins or ends inside a page of the system, otherwise than by the end of this mapping.</exception>
    private ulong RequireHostPages(string operation, ulong offset, ulong length, ulong fileOffset = 0)
    {
        ulong end = RequireRange(offset, length);
        ulong inPage = PageMath.HostPageSize - 1;
        if (length != 0 && ((offset | fileOffset | (end == Length ? 0 : end)) & inPage) != 0)
        {
            string hint = string.Create(CultureInfo.InvariantCulture, $"this system maps by pages of 0x{PageMath.HostPageSize:x} bytes");
            if ((fileOffset & inPage) != 0)
            {
                hint += string.Create(CultureInfo.InvariantCulture, $", of a file too, where it begins at 0x{fileOffset:x}");
            }

            throw new GuestMemoryMappingException(operation, Interop.Linux.ErrorNumber.InvalidArgument, Name, (offset, length), hint);
        }

        return end;
    }

    private void RequireUnpinned(string operation, in MappingSegment segment, ulong offset, ulong length)
    {
        if (_locks.FirstIn(segment.Start >> PageMath.PageShift, segment.End >> PageMath.PageShift) is { } page)
        {
            throw new InvalidOperationException(Describe(operation, offset, length) + $": page {page} is pinned.");
        }
    }

    private string Describe(string operation, ulong offset, ulong length) =>
        string.Create(CultureInfo.InvariantCulture, $"'{Name}': cannot {operation} 0x{offset:x}-0x{offset + length:x}");
}
