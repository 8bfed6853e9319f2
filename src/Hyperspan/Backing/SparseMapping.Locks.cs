using System.Globalization;

using Hyperspan.Synchronization;

namespace Hyperspan;

/// <content>Page locks, and the checks that depend on them.</content>
public sealed unsafe partial class SparseMapping
{
    /// <summary>Gets whether a page is locked, at this moment.</summary>
    /// <param name="pageNumber">The number of the page of 4 KiB from the start of the mapping.</param>
    /// <returns><see langword="true"/> while at least one lock holds it; <see langword="false"/> for pages past the end.</returns>
    public bool IsLocked(ulong pageNumber)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            return _locks.IsLocked(pageNumber);
        }
    }

    /// <summary>Locks pages. It does not look at what is mapped there: the caller probes the pages after it has locked them.</summary>
    /// <inheritdoc/>
    protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired)
    {
        unlockRequired = false;
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

        unlockRequired = !pageNumbers.IsEmpty;
        return BackingResult.Success;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">A page is not locked, or not as often as it is named. Then none is unlocked.</exception>
    protected internal override void UnlockPages(ReadOnlySpan<ulong> pageNumbers)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            if (_locks.Remove(pageNumbers) is { } page)
            {
                throw new InvalidOperationException($"'{Name}': page {page} is not locked as often as it is to be unlocked.");
            }
        }
    }

    /// <summary>Says so of private memory. What a file holds can be truncated by whoever else has it open.</summary>
    /// <inheritdoc/>
    protected internal override bool KeepsLockedPages(ulong firstPage, ulong pageCount)
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

    private void RequireUnlocked(string operation, in MappingSegment segment, ulong offset, ulong length)
    {
        if (_locks.FirstIn(segment.Start >> PageMath.PageShift, segment.End >> PageMath.PageShift) is { } page)
        {
            throw new InvalidOperationException(Describe(operation, offset, length) + $": page {page} is locked.");
        }
    }

    private string Describe(string operation, ulong offset, ulong length) =>
        string.Create(CultureInfo.InvariantCulture, $"'{Name}': cannot {operation} 0x{offset:x}-0x{offset + length:x}");
}
