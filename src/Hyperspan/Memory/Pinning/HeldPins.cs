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
internal unsafe class HeldPins(bool forSpans)
{
    // Page numbers are handed to backings in batches from the stack.
    internal const int Batch = 64;

    private const int FewEntries = 3;

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
                && TryPinRun(memory, region, offset, length, access, out fault);
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
    /// Pins whole pages of one region, which has a mapping, by one call of its backing; at most <see cref="Batch"/>. On success they stay until <see cref="Release"/>.
    /// </summary>
    internal bool TryPinPages(
        GuestMemory memory, MemoryRegion region, ReadOnlySpan<ulong> backingPages, AccessType access, out GuestMemoryFault fault)
    {
        int before = _count;
        bool pinned = false;
        try
        {
            if (TryBegin(memory, region, OffsetOf(region, backingPages[0]), access, out fault))
            {
                Note(region, backingPages);
                pinned = TryPinBatch(memory, region, backingPages, 0, region.Length, access, joinable: null, out fault);
            }
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

    /// <summary>
    /// Keeps the backing of a region that cannot fault and leaves pins to the default: no more is needed, unless what is pinned is to be noted. Then it is still to be pinned.
    /// There is a fault only where it fails.
    /// </summary>
    internal bool TryKeep(GuestMemory memory, MemoryRegion region, ulong offset, AccessType access, out bool isPinned, out GuestMemoryFault fault)
    {
        int before = _count;
        if (!TryBegin(memory, region, offset, access, out fault))
        {
            isPinned = false;
            return false;
        }

        // Pins are noted from the moment on that somebody asks for it.
        isPinned = region.Backing.PinnedRanges is null;
        if (!IsOpen(memory, region, offset, out fault))
        {
            Undo(before);
            return false;
        }

        SeeWhetherReadable(memory, region, offset, GuestAddress.PageSize, access);
        return true;
    }

    /// <summary>Notes a run of pages that are about to be pinned, by numbers of a backing: before they are, and until they are unpinned.</summary>
    internal void Note(GuestMemoryBacking backing, PinnedRanges noted, ulong firstPage, ulong count)
    {
        Reserve();
        noted.Add(firstPage, count);
        At(_count++) = new Entry(backing, firstPage, count, Noted: noted);
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

    /// <summary>As new, for what is pinned next. Nothing is pinned.</summary>
    /// <returns>Whether that takes no more memory than a new one would.</returns>
    private protected bool TryRenew()
    {
        AllowsSpans = _forSpans;
        IsReadable = true;
        return _more.Length <= FewEntries;
    }

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
        if (region.IsDirect)
        {
            return IsOpen(memory, region, offset, out fault);
        }

        fault = default;
        if (IsAccessible(region, region.Base + offset, length, access)
            || memory.TryProbe(region.Start + offset, length, access, out fault))
        {
            return true;
        }

        fault = fault.WithoutRange(GuestMemoryOperation.Pin);
        return false;
    }

    /// <summary>Whether memory that cannot fault gives new pins: there is nothing to look for, but one that is closed does not. There is a fault only then.</summary>
    private static bool IsOpen(GuestMemory memory, MemoryRegion region, ulong offset, out GuestMemoryFault fault)
    {
        Unsafe.SkipInit(out fault);
        if (!memory.IsClosed(region))
        {
            return true;
        }

        fault = memory.PinFault(region, RegionFault.Disposed(offset));
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

    /// <summary>Sees whether a region can be pinned at all, and keeps its backing. There is a fault only where it fails.</summary>
    private bool TryBegin(GuestMemory memory, MemoryRegion region, ulong offset, AccessType access, out GuestMemoryFault fault)
    {
        GuestMemoryBacking backing = region.Backing;
        RegionFault failure;
        if (region.Base == null || !backing.IsPinnable)
        {
            failure = new RegionFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Backing, offset);
        }
        else if (!region.Permits(access, offset, out failure))
        {
            // The region says why.
        }
        else if ((_count == 0 || At(_count - 1).Backing != backing) && !TryHold(backing))
        {
            failure = RegionFault.Disposed(offset);
        }
        else
        {
            // Large, and nobody asks for one.
            Unsafe.SkipInit(out fault);
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

    /// <summary>Pins and looks batch by batch: of a range in which nothing is mapped, one batch is pinned before that is found.</summary>
    [SkipLocalsInit]
    private bool TryPinRun(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        Span<ulong> pages = stackalloc ulong[Batch];
        ulong first = (region.BackingOffset + offset) >> GuestAddress.PageShift;
        ulong last = (region.BackingOffset + offset + (length - 1)) >> GuestAddress.PageShift;
        Note(region, first, last - first + 1);
        int firstEntry = _count;
        for (ulong page = first; page <= last; page += Batch)
        {
            Span<ulong> batch = pages[..(int)Math.Min(Batch, last - page + 1)];
            Number(batch, page);
            if (!TryPinBatch(memory, region, batch, offset, offset + length, access, page == first ? null : firstEntry, out fault))
            {
                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>
    /// Pins pages by one call of the backing, then exposes and looks at them, run by run of consecutive ones, between two offsets in the region. Of memory that cannot
    /// fault, the first look at what is pinned says all there is to say. The first batch of a run has null for <paramref name="joinable"/>.
    /// </summary>
    private bool TryPinBatch(
        GuestMemory memory,
        MemoryRegion region,
        ReadOnlySpan<ulong> pages,
        ulong start,
        ulong end,
        AccessType access,
        int? joinable,
        out GuestMemoryFault fault)
    {
        bool isFirst = joinable is null;
        bool unpinRequired = false;
        var pin = new PinCall(pages, access, ref unpinRequired);
        if (!BackingCall.TryHeld(region, start, end - start, ref pin, out RegionFault met))
        {
            fault = memory.PinFault(region, met);
            return false;
        }

        if (unpinRequired)
        {
            Keep(region.Backing, pages, joinable ?? _count);
        }

        ReadOnlySpan<ulong> rest = !region.IsDirect || region.HasHooks ? pages : pages[..(isFirst ? 1 : 0)];
        for (; !rest.IsEmpty; isFirst = false)
        {
            // The first page and the last may lie in the region in part.
            int count = RunLength(rest);
            ulong from = rest[0] << GuestAddress.PageShift > region.BackingOffset + start ? OffsetOf(region, rest[0]) : start;
            ulong length = Math.Min(end, OffsetOf(region, rest[0] + (ulong)count)) - from;
            rest = rest[count..];
            if ((region.HasHooks && !TryCall<ExposeCall>(memory, region, from, length, out _, out fault))
                || ((isFirst || !region.IsDirect) && !CanBeUsed(memory, region, from, length, access, out fault))
                || !TrySeeSpans(memory, region, from, length, out fault))
            {
                return false;
            }

            SeeWhetherReadable(memory, region, from, length, access);
        }

        fault = default;
        return true;
    }

    private static bool TryCall<TCall>(GuestMemory memory, MemoryRegion region, ulong offset, ulong length, out TCall call, out GuestMemoryFault fault)
        where TCall : struct, IBackingCall
    {
        call = default;
        bool done = BackingCall.TryHeld(region, offset, length, ref call, out RegionFault met);
        fault = done ? default : memory.PinFault(region, met);
        return done;
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
    private bool TrySeeSpans(GuestMemory memory, MemoryRegion region, ulong offset, ulong length, out GuestMemoryFault fault)
    {
        fault = default;
        if (!AllowsSpans || region.FaultBehavior == FaultBehavior.Never)
        {
            return true;
        }

        bool seen = TryCall(memory, region, offset, length, out KeepsCall call, out fault);
        AllowsSpans = call.Keeps;
        return seen;
    }

    /// <summary>
    /// Notes what is about to be pinned, where somebody asks for that: before it is, and until it is unpinned, so that nobody takes pinned pages for unpinned ones.
    /// </summary>
    private void Note(MemoryRegion region, ulong firstPage, ulong count)
    {
        if (region.Backing.PinnedRanges is { } noted)
        {
            Note(region.Backing, noted, firstPage, count);
        }
    }

    private void Note(MemoryRegion region, ReadOnlySpan<ulong> pages)
    {
        if (region.Backing.PinnedRanges is not null)
        {
            for (ReadOnlySpan<ulong> rest = pages; !rest.IsEmpty; rest = rest[RunLength(rest)..])
            {
                Note(region, rest[0], (ulong)RunLength(rest));
            }
        }
    }

    private ref Entry At(int index) => ref index == 0 ? ref _first : ref _more[index - 1];

    /// <summary>
    /// Remembers pages that were just pinned; those that go on where the last entry ends make that longer, if it is past <paramref name="joinable"/>. There is no memory
    /// for that: they are unpinned.
    /// </summary>
    private void Keep(GuestMemoryBacking backing, ReadOnlySpan<ulong> pages, int joinable)
    {
        if (_count > joinable && At(_count - 1) is var before && before.FirstPage + before.PageCount == pages[0])
        {
            At(_count - 1) = before with { PageCount = before.PageCount + (ulong)pages.Length };
            return;
        }

        try
        {
            Reserve();
            At(_count) = RunLength(pages) == pages.Length ? new Entry(backing, pages[0], (ulong)pages.Length) : new Entry(backing, 0, 0, pages.ToArray());
            _count++;
        }
        catch (OutOfMemoryException)
        {
            backing.UnpinPages(pages);
            throw;
        }
    }

    /// <summary>How many pages from the first on have consecutive numbers.</summary>
    private static int RunLength(ReadOnlySpan<ulong> pages)
    {
        int length = 1;
        while (length < pages.Length && pages[length] == pages[0] + (ulong)length)
        {
            length++;
        }

        return length;
    }

    private void Reserve()
    {
        if (_count > _more.Length)
        {
            Array.Resize(ref _more, Math.Max(FewEntries, _count * 2));
        }
    }

    /// <summary>Pages to unpin (a run of them, or a list), or a note of a run to strike off; with none of these, a hold on a backing to end.</summary>
    private readonly record struct Entry(GuestMemoryBacking Backing, ulong FirstPage, ulong PageCount, ulong[]? Pages = null, PinnedRanges? Noted = null);
}
