using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <content>Pins.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Gets a value indicating whether all of this memory can be pinned. Asked of the backings; where it is <see langword="false"/>, pins may fail with
    /// <see cref="GuestMemoryFaultKind.NotPinnable"/>.
    /// </summary>
    public bool IsPinnable
    {
        get
        {
            foreach (MemoryRegion region in Clipped)
            {
                if (!region.Backing.IsPinnable)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Pins whole pages, named by number.</summary>
    /// <param name="pageNumbers">Guest page numbers, in the order in which the pages will be used. A page may be named more than once.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access)
    {
        if (!TryPinPages(pageNumbers, access, out PinnedMemory? pinned, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return pinned;
    }

    /// <summary>Pins whole pages and says why where it cannot; see <see cref="PinPages"/>.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none. It has no range, but the address of the page.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPinPages(
        ReadOnlySpan<ulong> pageNumbers,
        AccessType access,
        [NotNullWhen(true)] out PinnedMemory? pinned,
        out GuestMemoryFault fault)
    {
        var pins = new HeldPins(forSpans: true);
        pinned = null;
        fault = default;
        try
        {
            // Grows with what could be pinned, not with what is asked for.
            var vectors = new IoVector[Math.Min(pageNumbers.Length, HeldPins.Batch)];
            for (int done = 0; done < pageNumbers.Length;)
            {
                if (vectors.Length - done < Math.Min(pageNumbers.Length - done, HeldPins.Batch))
                {
                    Array.Resize(ref vectors, (int)Math.Min(pageNumbers.Length, vectors.Length * 2L));
                }

                int count = TryPinRun(pins, pageNumbers, done, vectors.AsSpan(done), access, out fault);
                if (count == 0)
                {
                    return false;
                }

                done += count;
            }

            pinned = new PinnedMemory(this, pins, vectors, (ulong)vectors.Length * GuestAddress.PageSize, access);
            return true;
        }
        finally
        {
            if (pinned is null)
            {
                pins.Undo(0);
            }
        }
    }

    /// <summary>Pins the pages of a range.</summary>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece for each contiguous run of host memory; the first and the last may be parts of a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory Pin(GuestAddress address, ulong length, AccessType access)
    {
        if (!TryPin(address, length, access, out PinnedMemory? pinned, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return pinned;
    }

    /// <summary>Pins the pages of a range and says why where it cannot; see <see cref="Pin(GuestAddress, ulong, AccessType)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(
        GuestAddress address,
        ulong length,
        AccessType access,
        [NotNullWhen(true)] out PinnedMemory? pinned,
        out GuestMemoryFault fault)
    {
        using var vectors = new VectorList(1);
        var pins = new HeldPins(forSpans: true);
        if (!TryPinInto(pins, vectors, address.Value, length, access, out fault))
        {
            fault = fault.As(GuestMemoryOperation.Pin, address.Value, length);
            pinned = null;
            return false;
        }

        pinned = Keep(pins, vectors, length, access);
        return true;
    }

    /// <summary>Makes the object that holds pins. There is no memory for it: they are undone.</summary>
    private PinnedMemory Keep(HeldPins pins, VectorList vectors, ulong length, AccessType access)
    {
        try
        {
            return new PinnedMemory(this, pins, vectors.ToArray(), length, access);
        }
        catch
        {
            pins.Undo(0);
            throw;
        }
    }

    /// <summary>Pins a range and appends its pieces, joining those that touch in host memory. Undoes this range where it fails.</summary>
    internal bool TryPinInto(
        HeldPins pins,
        VectorList vectors,
        ulong address,
        ulong length,
        AccessType access,
        out GuestMemoryFault fault)
    {
        if (!CheckRange(address, length, GuestMemoryOperation.Pin, out fault))
        {
            return false;
        }

        int pinMark = pins.Mark;
        VectorList.Position vectorMark = vectors.Mark;
        bool pinned = false;
        try
        {
            foreach (RegionPiece piece in new RegionPieces(this, address, length))
            {
                if (piece.Region is not { } region)
                {
                    fault = DisposedFault(GuestMemoryOperation.Pin, address, length, piece.Address);
                    return false;
                }

                if (!pins.TryPin(this, region, piece.Address - region.Start, piece.Length, access, out byte* at, out fault))
                {
                    return false;
                }

                vectors.Append(at, (nuint)piece.Length);
            }

            pinned = true;
            return true;
        }
        finally
        {
            if (!pinned)
            {
                pins.Undo(pinMark);
                vectors.ReturnTo(vectorMark);
            }
        }
    }

    internal GuestMemoryFault PinFault(MemoryRegion region, in RegionFault fault) => FaultIn(region, fault, GuestMemoryOperation.Pin, range: null);

    /// <summary>
    /// Pins pages of a list from a place in it on, as many as lie in one region, by one call of the backing; at most <see cref="HeldPins.Batch"/>.
    /// Answers how many; zero where it fails.
    /// </summary>
    private int TryPinRun(
        HeldPins pins,
        ReadOnlySpan<ulong> list,
        int done,
        Span<IoVector> vectors,
        AccessType access,
        out GuestMemoryFault fault)
    {
        ReadOnlySpan<ulong> pageNumbers = list[done..];
        if (!TryPageAddress(pageNumbers[0], done, GuestMemoryOperation.Pin, out ulong address, out fault))
        {
            return 0;
        }

        MemoryRegion? region = Find(address);
        ulong backingPageOfZero = region is null ? 0 : unchecked(region.BackingOffset - region.Start);
        if (region is null
            || region.Base == null
            || !region.Holds(address, GuestAddress.PageSize)
            || backingPageOfZero % GuestAddress.PageSize != 0)
        {
            // Nothing there, or a page of this memory that is made of two pages of backings.
            return TryPinPage(pins, address, access, out vectors[0], out fault) ? 1 : 0;
        }

        ulong lastStart = region.Length - GuestAddress.PageSize;
        byte* pageZero = region.Base - region.Start;
        int most = Math.Min(pageNumbers.Length, HeldPins.Batch);
        Span<ulong> backingPages = stackalloc ulong[HeldPins.Batch];
        int count = 0;
        while (true)
        {
            // SAFETY: the page lies in the region.
            vectors[count] = new IoVector(pageZero + address, GuestAddress.PageSize);
            backingPages[count] = unchecked(backingPageOfZero + address) >> GuestAddress.PageShift;
            if (++count == most || !IsPageAddress(pageNumbers[count], out address) || address - region.Start > lastStart)
            {
                break;
            }
        }

        return pins.TryPinPages(this, region, backingPages[..count], access, out fault) ? count : 0;
    }

    private static bool IsPageAddress(ulong pageNumber, out ulong address)
    {
        address = pageNumber << GuestAddress.PageShift;
        return pageNumber <= ulong.MaxValue >> GuestAddress.PageShift;
    }

    private bool TryPinPage(
        HeldPins pins,
        ulong address,
        AccessType access,
        out IoVector vector,
        out GuestMemoryFault fault)
    {
        vector = default;
        if (!CheckRange(address, GuestAddress.PageSize, GuestMemoryOperation.Pin, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        if (Find(address) is not { } region)
        {
            fault = DisposedFault(GuestMemoryOperation.Pin, address, GuestAddress.PageSize, address).WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        ulong offset = address - region.Start;
        if (!region.Holds(address, GuestAddress.PageSize))
        {
            // Only in slices that start inside a page: this page of theirs is made of two that lie apart.
            fault = PinFault(region, new RegionFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Check, offset));
            return false;
        }

        if (!pins.TryPin(this, region, offset, GuestAddress.PageSize, access, out byte* at, out fault))
        {
            return false;
        }

        vector = new IoVector(at, GuestAddress.PageSize);
        return true;
    }
}
