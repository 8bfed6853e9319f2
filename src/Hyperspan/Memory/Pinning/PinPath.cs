using System.Runtime.CompilerServices;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <summary>How ranges, runs of pages and lists of pages become pins: which regions they lie in, what is pinned of each, and where that is in the host.</summary>
[SkipLocalsInit]
internal static unsafe class PinPath
{
    /// <summary>Pins a range and appends its pieces, joining those that touch in host memory. Undoes this range where it fails.</summary>
    internal static bool TryPinInto(
        GuestMemory memory,
        HeldPins pins,
        VectorList vectors,
        ulong address,
        ulong length,
        AccessType access,
        out GuestMemoryFault fault,
        PartsHold? parts = null)
    {
        if (!memory.CheckRange(address, length, GuestMemoryOperation.Pin, out fault))
        {
            return false;
        }

        int pinMark = pins.Mark;
        int partsMark = parts?.Mark ?? 0;
        VectorList.Position vectorMark = vectors.Mark;
        bool pinned = false;
        try
        {
            foreach (RegionPiece piece in new RegionPieces(memory, address, length))
            {
                if (piece.Region is not { } region)
                {
                    fault = memory.DisposedFault(GuestMemoryOperation.Pin, address, length, piece.Address);
                    return false;
                }

                if (region.Translated is { } translated)
                {
                    if (!translated.Owner.TryPin(
                        memory, translated, pins, vectors, parts, piece.Address, translated.Start + region.InBacking(piece.Address), piece.Length, access, out fault))
                    {
                        return false;
                    }

                    continue;
                }

                if (!pins.TryPin(memory, region, piece.Address - region.Start, piece.Length, access, out byte* at, out fault))
                {
                    return false;
                }

                vectors.Append(at, (nuint)piece.Length);
                parts?.Add(new IoPart(memory, piece.Address, piece.Length, access, memory, piece.Address));
            }

            pinned = true;
            return true;
        }
        finally
        {
            if (!pinned)
            {
                parts?.ReturnTo(partsMark);
                pins.Undo(pinMark);
                vectors.ReturnTo(vectorMark);
            }
        }
    }

    /// <summary>
    /// Pins pages of a list from a place in it on, as many as lie in one region, by one call of the backing; at most <see cref="HeldPins.Batch"/>.
    /// Answers how many; zero where it fails, and only then there is a fault.
    /// </summary>
    internal static int TryPinRun(
        GuestMemory memory,
        HeldPins pins,
        ReadOnlySpan<ulong> list,
        int done,
        Span<IoVector> vectors,
        AccessType access,
        out GuestMemoryFault fault)
    {
        Unsafe.SkipInit(out fault);
        ReadOnlySpan<ulong> pageNumbers = list[done..];
        if (!GuestAddress.TryFromPageNumber(pageNumbers[0], out GuestAddress start))
        {
            fault = GuestMemoryFault.OfPageNumber(memory.Name, GuestMemoryOperation.Pin, pageNumbers[0], done);
            return 0;
        }

        ulong address = start.Value;
        MemoryRegion? region = memory.Find(address);
        if (region is null
            || region.Base == null
            || !region.Holds(address, GuestAddress.PageSize)
            || unchecked(region.BackingOffset - region.Start) % GuestAddress.PageSize != 0)
        {
            // Nothing there, or a page of this memory that is made of two pages of backings.
            return TryPinPage(memory, pins, address, access, out vectors[0], out fault) ? 1 : 0;
        }

        int count = Find(region, pageNumbers, vectors);
        if (region is { IsDirect: true, HasHooks: false })
        {
            if (!pins.TryKeep(memory, region, address - region.Start, access, out bool isPinned, out fault))
            {
                return 0;
            }

            if (isPinned)
            {
                return count;
            }
        }

        return TryPinList(memory, pins, region, pageNumbers[..count], access, out fault) ? count : 0;
    }

    /// <summary>Finds where pages are in the host, as long as they lie in a region, as the first does; at most <see cref="HeldPins.Batch"/>. Answers how many.</summary>
    private static int Find(MemoryRegion region, ReadOnlySpan<ulong> pageNumbers, Span<IoVector> vectors)
    {
        // SAFETY: each page that is named lies in the region. Its numbers are those from the first that begins in it to the last that ends in it.
        ulong start = region.Start;
        ulong first = (start / GuestAddress.PageSize) + (start % GuestAddress.PageSize == 0 ? 0UL : 1UL);
        ulong more = ((start + (region.Length - GuestAddress.PageSize)) / GuestAddress.PageSize) - first;
        byte* pageZero = region.Base - start;
        int most = Math.Min(Math.Min(pageNumbers.Length, vectors.Length), HeldPins.Batch);
        pageNumbers = pageNumbers[..most];
        vectors = vectors[..most];
        for (int i = 0; i < pageNumbers.Length && i < vectors.Length; i++)
        {
            ulong page = pageNumbers[i];
            if (page - first > more)
            {
                return i;
            }

            vectors[i] = new IoVector(pageZero + (page << GuestAddress.PageShift), GuestAddress.PageSize);
        }

        return most;
    }

    /// <summary>Pins pages of one region by one call of its backing.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryPinList(
        GuestMemory memory, HeldPins pins, MemoryRegion region, ReadOnlySpan<ulong> pageNumbers, AccessType access, out GuestMemoryFault fault)
    {
        ulong backingPageOfZero = unchecked(region.BackingOffset - region.Start);
        Span<ulong> backingPages = stackalloc ulong[HeldPins.Batch];
        backingPages = backingPages[..pageNumbers.Length];
        for (int i = 0; i < backingPages.Length; i++)
        {
            backingPages[i] = unchecked(backingPageOfZero + (pageNumbers[i] << GuestAddress.PageShift)) >> GuestAddress.PageShift;
        }

        return pins.TryPinPages(memory, region, backingPages, access, out fault);
    }

    internal static bool TryPinPage(
        GuestMemory memory,
        HeldPins pins,
        ulong address,
        AccessType access,
        out IoVector vector,
        out GuestMemoryFault fault)
    {
        vector = default;
        if (!memory.CheckRange(address, GuestAddress.PageSize, GuestMemoryOperation.Pin, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        if (memory.Find(address) is not { } region)
        {
            fault = memory.DisposedFault(GuestMemoryOperation.Pin, address, GuestAddress.PageSize, address).WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        ulong offset = address - region.Start;
        if (!region.Holds(address, GuestAddress.PageSize))
        {
            // Only in slices that start inside a page: this page of theirs is made of two that lie apart.
            fault = memory.PinFault(region, new RegionFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Check, offset));
            return false;
        }

        if (region.Translated is not null)
        {
            return TryPinTranslatedPage(memory, pins, address, access, out vector, out fault);
        }

        if (!pins.TryPin(memory, region, offset, GuestAddress.PageSize, access, out byte* at, out fault))
        {
            return false;
        }

        vector = new IoVector(at, GuestAddress.PageSize);
        return true;
    }

    private static bool TryPinTranslatedPage(
        GuestMemory memory, HeldPins pins, ulong address, AccessType access, out IoVector vector, out GuestMemoryFault fault)
    {
        int mark = pins.Mark;
        using var pieces = new VectorList(2);
        vector = default;
        if (!TryPinInto(memory, pins, pieces, address, GuestAddress.PageSize, access, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        if (pieces.Count == 1)
        {
            vector = pieces.Span[0];
            return true;
        }

        // A slice that starts inside a page, or a page below that is made of two.
        pins.Undo(mark);
        fault = new GuestMemoryFault(memory.Name, GuestMemoryOperation.Pin, GuestMemoryFaultKind.NotPinnable, FaultCause.Check, address);
        return false;
    }

    /// <summary>Pins one run of a paged range and appends its pieces; undoes the run where it fails.</summary>
    internal static bool TryPinRun(
        GuestMemory memory,
        HeldPins pins,
        VectorList vectors,
        in PagedRun run,
        AccessType access,
        out GuestMemoryFault fault,
        PartsHold? parts = null)
    {
        if (!memory.TryStartRun(run, GuestMemoryOperation.Pin, out ulong address, out fault))
        {
            return false;
        }

        if (!TryPinInto(memory, pins, vectors, address, run.Length, access, out fault, parts))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        return true;
    }
}
