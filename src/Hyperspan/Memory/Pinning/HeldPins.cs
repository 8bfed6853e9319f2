using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// The pins that one <see cref="PinnedMemory"/> or one request of a <see cref="GuestIoVectors"/> holds: what to unpin, and whose release to let go on.
/// Reused without allocating. Not safe for use from several threads at once.
/// </summary>
/// <remarks>
/// The order is: keep the backing from being released, pin the pages, have their addresses exposed, then look whether they can be accessed. Nothing can
/// change between the look and the use. Whatever fails, or throws, undoes what this piece had done; the caller undoes the pieces before it.
/// </remarks>
/// <param name="forSpans">Whether to find out if spans are allowed over what is pinned.</param>
internal sealed unsafe class HeldPins(bool forSpans)
{
    // Page numbers are handed to backings in batches from the stack.
    internal const int Batch = 64;

    private readonly bool _forSpans = forSpans;

    // Most pins have one entry.
    private Entry _first;
    private Entry[] _more = [];
    private int _count;

    /// <summary>
    /// Gets a value indicating whether spans are allowed over all that was pinned: nobody can take the pages away while they are. Found out only if asked for,
    /// and only as long as it is so.
    /// </summary>
    internal bool AllowsSpans { get; private set; } = forSpans;

    /// <summary>
    /// Gets a value indicating whether all that was pinned may be read: what is pinned for writing need not be. Found out only if spans are asked for, like
    /// <see cref="AllowsSpans"/>.
    /// </summary>
    internal bool IsReadable { get; private set; } = true;

    /// <summary>Pins a part of one region. On success the host address of its first byte is valid until <see cref="Release"/>.</summary>
    internal bool TryPin(
        GuestMemory memory,
        MemoryRegion region,
        ulong offset,
        ulong length,
        AccessType access,
        out byte* address,
        out GuestMemoryFault fault)
    {
        int before = _count;
        bool pinned = false;
        try
        {
            pinned = TryBegin(memory, region, offset, access, out fault)
                && Note(region, offset, length)
                && TryPinBatches(memory, region, offset, length, access, out fault);
        }
        finally
        {
            if (!pinned)
            {
                Undo(before);
            }
        }

        address = pinned ? region.Base + offset : null;
        return pinned;
    }

    /// <summary>
    /// Pins whole pages of one region, which has a mapping, by one call of its backing; at most <see cref="Batch"/>. Afterwards each is looked at.
    /// On success they stay until <see cref="Release"/>.
    /// </summary>
    internal bool TryPinPages(
        GuestMemory memory, MemoryRegion region, ReadOnlySpan<ulong> backingPages, AccessType access, out GuestMemoryFault fault)
    {
        int before = _count;
        bool pinned = false;
        try
        {
            pinned = TryBegin(memory, region, OffsetOf(region, backingPages[0]), access, out fault)
                && Note(region, backingPages)
                && TryPinList(memory, region, backingPages, access, out fault);
        }
        finally
        {
            if (!pinned)
            {
                Undo(before);
            }
        }

        return pinned;
    }

    /// <summary>Unpins everything, last pinned first. The first exception of a backing is thrown when all is unpinned.</summary>
    internal void Release()
    {
        if (UnpinFrom(0) is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Unpins everything, for a finalizer: what a backing throws has nobody to go to, and would end the process.</summary>
    internal void ReleaseForgotten() => Undo(0);

    /// <summary>How many entries there are, for <see cref="Undo"/>.</summary>
    internal int Mark => _count;

    /// <summary>
    /// Unpins what was pinned since <see cref="Mark"/> had this value, because what followed failed. That failure is what the caller is told;
    /// what a backing throws here as well is not.
    /// </summary>
    internal void Undo(int mark) => _ = UnpinFrom(mark);

    /// <summary>Unpins to a mark. All of it, whatever is thrown on the way; answers the first exception.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "The first exception of a backing reaches the caller after the rest is unpinned.")]
    private Exception? UnpinFrom(int mark)
    {
        Exception? failure = null;
        while (_count > mark)
        {
            Entry entry = At(--_count);
            At(_count) = default;
            try
            {
                if (entry.Noted is { } noted)
                {
                    noted.Remove(entry.FirstPage, entry.PageCount);
                }
                else if (entry.Pages is not null)
                {
                    entry.Backing.UnpinPages(entry.Pages);
                }
                else if (entry.PageCount > 0)
                {
                    failure = UnpinRun(entry) ?? failure;
                }
                else
                {
                    entry.Backing.EndUse();
                }
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }

        return failure;
    }

    [SkipLocalsInit]
    [SuppressMessage("Design", "CA1031", Justification = "The first exception of a backing reaches the caller after the rest is unpinned.")]
    private static Exception? UnpinRun(in Entry entry)
    {
        Exception? failure = null;
        Span<ulong> pages = stackalloc ulong[Batch];
        for (ulong done = 0; done < entry.PageCount; done += Batch)
        {
            Span<ulong> batch = pages[..(int)Math.Min(Batch, entry.PageCount - done)];
            Number(batch, entry.FirstPage + done);
            try
            {
                entry.Backing.UnpinPages(batch);
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }

        return failure;
    }

    /// <summary>The pages of the backing that a part of a region touches.</summary>
    private static (ulong First, ulong Last) PagesOf(MemoryRegion region, ulong offset, ulong length)
    {
        ulong last = (region.BackingOffset + offset + (length - 1)) >> GuestAddress.PageShift;
        return ((region.BackingOffset + offset) >> GuestAddress.PageShift, last);
    }

    /// <summary>Where in the region a page of the backing starts.</summary>
    private static ulong OffsetOf(MemoryRegion region, ulong backingPage) => (backingPage << GuestAddress.PageShift) - region.BackingOffset;

    private static void Number(Span<ulong> pages, ulong first)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = first + (ulong)i;
        }
    }

    /// <summary>Whether pages that are pinned can be accessed.</summary>
    private static bool CanBeUsed(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        fault = default;
        if (region.IsDirect)
        {
            // Nothing to look for; but a memory that is closed gives no new pins.
            if (!memory.IsClosed(region))
            {
                return true;
            }

            fault = memory.PinFault(region, new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset));
            return false;
        }

        if (IsAccessible(region, region.Base + offset, length, access)
            || memory.TryProbe(region.Start + offset, length, access, out fault))
        {
            return true;
        }

        fault = fault.WithoutRange(GuestMemoryOperation.Pin);
        return false;
    }

    /// <summary>The quick look: guarded probes, without handlers. Pages under bitmaps take the general way.</summary>
    private static bool IsAccessible(MemoryRegion region, byte* address, ulong length, AccessType access)
    {
        if (region.HasBitmaps)
        {
            return false;
        }

        byte* end = address + length;
        for (byte* at = address; at < end; at = (byte*)(((nuint)at | (GuestAddress.PageSize - 1)) + 1))
        {
            GuardedResult probe = access == AccessType.Read ? Guard.ProbeRead(at, region.MayBlock) : Guard.ProbeWrite(at, region.MayBlock);
            if (!probe.Ok)
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryExpose(
        GuestMemory memory, MemoryRegion region, ReadOnlySpan<ulong> backingPages, out GuestMemoryFault fault)
    {
        fault = default;
        if (!region.HasHooks)
        {
            return true;
        }

        foreach (ulong page in backingPages)
        {
            if (!TryExpose(memory, region, OffsetOf(region, page), GuestAddress.PageSize, out fault))
            {
                return false;
            }
        }

        return true;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private static bool TryExpose(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, out GuestMemoryFault fault)
    {
        fault = default;
        if (!region.HasHooks)
        {
            return true;
        }

        RegionFault failure;
        try
        {
            BackingResult result = region.Backing.ExposeAddress(region.BackingOffset + offset, length);
            if (!result.IsFailure)
            {
                return true;
            }

            failure = Failure(region, result, offset, length);
        }
        catch (Exception e)
        {
            failure = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
        }

        fault = memory.PinFault(region, failure);
        return false;
    }

    private static RegionFault Failure(MemoryRegion region, in BackingResult result, ulong offset, ulong length) =>
        new(
            result.Kind,
            FaultCause.Backing,
            Math.Clamp(unchecked(result.Address - region.BackingOffset), offset, offset + (length - 1)),
            result.Exception);

    /// <summary>Sees whether a region can be pinned at all, and keeps its backing.</summary>
    private bool TryBegin(GuestMemory memory, MemoryRegion region, ulong offset, AccessType access, out GuestMemoryFault fault)
    {
        GuestMemoryBacking backing = region.Backing;
        RegionFault failure;
        if (region.Base == null || !backing.IsPinnable)
        {
            failure = new RegionFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Backing, offset);
        }
        else if (!region.Permits(access))
        {
            GuestMemoryFaultKind kind = access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Restricted;
            failure = new RegionFault(kind, FaultCause.Check, offset);
        }
        else if ((_count == 0 || At(_count - 1).Backing != backing) && !TryHold(backing))
        {
            failure = new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
        }
        else
        {
            fault = default;
            return true;
        }

        fault = memory.PinFault(region, failure);
        return false;
    }

    private bool TryHold(GuestMemoryBacking backing)
    {
        Reserve();
        if (!backing.TryBeginUse())
        {
            return false;
        }

        At(_count++) = new Entry(backing, 0, 0);
        return true;
    }

    /// <summary>
    /// Pins and looks batch by batch: of a range in which nothing is mapped, one batch is pinned before that is found. Batches that follow each other
    /// are kept as one entry.
    /// </summary>
    [SkipLocalsInit]
    private bool TryPinBatches(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        Span<ulong> pages = stackalloc ulong[Batch];
        (ulong first, ulong last) = PagesOf(region, offset, length);
        int firstEntry = _count;
        for (ulong page = first; page <= last; page += Batch)
        {
            Span<ulong> batch = pages[..(int)Math.Min(Batch, last - page + 1)];
            ulong afterBatch = page + (ulong)batch.Length;
            Number(batch, page);

            // The first page and the last may lie in the region in part.
            ulong start = page == first ? offset : OffsetOf(region, page);
            ulong end = afterBatch > last ? offset + length : OffsetOf(region, afterBatch);
            if (!TryCallPin(memory, region, batch, access, start, end - start, out bool unpinRequired, out fault))
            {
                return false;
            }

            if (unpinRequired && _count > firstEntry && At(_count - 1) is var before && before.FirstPage + before.PageCount == page)
            {
                At(_count - 1) = before with { PageCount = before.PageCount + (ulong)batch.Length };
            }
            else if (unpinRequired)
            {
                Keep(region.Backing, batch, page);
            }

            if ((page == first && !TryExpose(memory, region, offset, length, out fault))
                || ((!region.IsDirect || page == first) && !CanBeUsed(memory, region, start, end - start, access, out fault))
                || !TrySeeSpans(memory, region, page, (ulong)batch.Length, out fault))
            {
                return false;
            }

            SeeWhetherReadable(memory, region, start, end - start, access);
        }

        fault = default;
        return true;
    }

    private bool TryPinList(
        GuestMemory memory, MemoryRegion region, ReadOnlySpan<ulong> backingPages, AccessType access, out GuestMemoryFault fault)
    {
        ulong firstOffset = OffsetOf(region, backingPages[0]);
        if (!TryCallPin(memory, region, backingPages, access, firstOffset, length: 0, out bool unpinRequired, out fault))
        {
            return false;
        }

        if (unpinRequired)
        {
            Keep(region.Backing, backingPages, firstPage: null);
        }

        if (!TryExpose(memory, region, backingPages, out fault))
        {
            return false;
        }

        // Of memory that cannot fault, one page says what there is to say about all.
        foreach (ulong page in region.IsDirect ? backingPages[..1] : backingPages)
        {
            if (!CanBeUsed(memory, region, OffsetOf(region, page), GuestAddress.PageSize, access, out fault)
                || !TrySeeSpans(memory, region, page, 1, out fault))
            {
                return false;
            }

            SeeWhetherReadable(memory, region, OffsetOf(region, page), GuestAddress.PageSize, access);
        }

        return true;
    }

    /// <summary>Has the backing pin pages. <paramref name="length"/> is that of the range asked for from the offset on, or zero for a list.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private static bool TryCallPin(
        GuestMemory memory,
        MemoryRegion region,
        ReadOnlySpan<ulong> pages,
        AccessType access,
        ulong offset,
        ulong length,
        out bool unpinRequired,
        out GuestMemoryFault fault)
    {
        RegionFault failure;
        try
        {
            BackingResult result = region.Backing.PinPages(pages, access, out unpinRequired);
            if (!result.IsFailure)
            {
                fault = default;
                return true;
            }

            if (length != 0)
            {
                failure = Failure(region, result, offset, length);
            }
            else
            {
                // A backing that names a page it was not asked for is not believed.
                bool named = pages.Contains(result.Address >> GuestAddress.PageShift);
                failure = new RegionFault(
                    result.Kind, FaultCause.Backing, named ? result.Address - region.BackingOffset : offset, result.Exception);
            }
        }
        catch (Exception e)
        {
            unpinRequired = false;
            failure = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
        }

        fault = memory.PinFault(region, failure);
        return false;
    }

    /// <summary>Finds out whether what is pinned for writing may be read as well: not where the region, or the bitmap of a page, permits writing alone.</summary>
    private void SeeWhetherReadable(GuestMemory memory, MemoryRegion region, ulong offset, ulong length, AccessType access)
    {
        if (_forSpans && access == AccessType.Write && IsReadable)
        {
            IsReadable = region.CanRead && (!region.HasBitmaps || memory.TryProbe(region.Start + offset, length, AccessType.Read, out _));
        }
    }

    /// <summary>Finds out whether nobody can take pinned pages away while they are, if that matters still.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private bool TrySeeSpans(GuestMemory memory, MemoryRegion region, ulong firstBackingPage, ulong count, out GuestMemoryFault fault)
    {
        fault = default;
        if (!AllowsSpans || region.FaultBehavior == FaultBehavior.Never)
        {
            return true;
        }

        try
        {
            AllowsSpans = region.Backing.KeepsPinnedPages(firstBackingPage, count);
            return true;
        }
        catch (Exception e)
        {
            fault = memory.PinFault(
                region, new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, OffsetOf(region, firstBackingPage), e));
            return false;
        }
    }

    /// <summary>
    /// Notes what is about to be pinned, where somebody asks for that: before it is, and until it is unpinned, so that nobody takes pinned pages for unpinned ones.
    /// </summary>
    private bool Note(MemoryRegion region, ulong offset, ulong length)
    {
        if (region.Backing.PinnedRanges is { } noted)
        {
            (ulong first, ulong last) = PagesOf(region, offset, length);
            Note(region.Backing, noted, first, last - first + 1);
        }

        return true;
    }

    private bool Note(MemoryRegion region, ReadOnlySpan<ulong> backingPages)
    {
        if (region.Backing.PinnedRanges is { } noted)
        {
            foreach (ulong page in backingPages)
            {
                Note(region.Backing, noted, page, 1);
            }
        }

        return true;
    }

    private void Note(GuestMemoryBacking backing, PinnedRanges noted, ulong firstPage, ulong count)
    {
        Reserve();
        noted.Add(firstPage, count);
        At(_count++) = new Entry(backing, firstPage, count, Noted: noted);
    }

    private ref Entry At(int index) => ref index == 0 ? ref _first : ref _more[index - 1];

    /// <summary>Remembers pages that were just pinned: a run from a page on, or a list. There is no memory for that: they are unpinned.</summary>
    private void Keep(GuestMemoryBacking backing, ReadOnlySpan<ulong> pages, ulong? firstPage)
    {
        try
        {
            Reserve();
            At(_count) = firstPage is { } first ? new Entry(backing, first, (ulong)pages.Length) : new Entry(backing, 0, 0, pages.ToArray());
            _count++;
        }
        catch (OutOfMemoryException)
        {
            backing.UnpinPages(pages);
            throw;
        }
    }

    private void Reserve()
    {
        if (_count > _more.Length)
        {
            Array.Resize(ref _more, Math.Max(3, _count * 2));
        }
    }

    /// <summary>Pages to unpin (a run of them, or a list), or a note of a run to strike off; with none of these, a hold on a backing to end.</summary>
    private readonly record struct Entry(GuestMemoryBacking Backing, ulong FirstPage, ulong PageCount, ulong[]? Pages = null, PinnedRanges? Noted = null);
}
