using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// The locks that one <see cref="LockedMemory"/> or one request of a <see cref="GuestIoVectors"/> holds: what to unlock, and whose release to let go on.
/// Reused without allocating. Not safe for use from several threads at once.
/// </summary>
/// <remarks>
/// The order is: keep the backing from being released, lock the pages, then look whether they can be accessed. Nothing can change between the look and the use.
/// Whatever fails undoes what this piece had done; the caller undoes the pieces before it.
/// </remarks>
/// <param name="forSpans">Whether to find out if spans are allowed over what is locked.</param>
internal sealed unsafe class HeldLocks(bool forSpans)
{
    // Page numbers are handed to backings in batches from the stack.
    internal const int Batch = 64;

    // Most locks have one entry.
    private Entry _first;
    private Entry[] _more = [];
    private int _count;

    /// <summary>
    /// Gets a value indicating whether spans are allowed over all that was locked: nobody can take the pages away while they are. Found out only if asked for,
    /// and only as long as it is so.
    /// </summary>
    internal bool AllowsSpans { get; private set; } = forSpans;

    /// <summary>Locks a part of one region. On success the host address of its first byte is valid until <see cref="Release"/>.</summary>
    internal bool TryLock(
        GuestMemory memory,
        MemoryRegion region,
        ulong offset,
        ulong length,
        AccessType access,
        bool kernelAccess,
        out byte* address,
        out GuestMemoryFault fault)
    {
        address = null;
        if (!TryBegin(memory, region, offset, access, out int before, out fault))
        {
            return false;
        }

        (ulong first, ulong last) = PagesOf(region, offset, length);
        if (!TryLockPages(region, first, last, offset, length, access, out RegionFault failure)
            || !TryExpose(region, offset, length, kernelAccess, out failure))
        {
            fault = memory.LockFault(region, failure);
            ReleaseFrom(before);
            return false;
        }

        if (!CanBeUsed(memory, region, offset, length, access, out fault))
        {
            ReleaseFrom(before);
            return false;
        }

        address = region.Base + offset;
        AllowsSpans = AllowsSpans && KeepsLockedPages(region, first, last - first + 1);
        return true;
    }

    /// <summary>
    /// Locks whole pages of one region, which has a mapping, by one call of its backing. Afterwards each is looked at. On success they stay until <see cref="Release"/>.
    /// </summary>
    internal bool TryLockPages(
        GuestMemory memory, MemoryRegion region, ReadOnlySpan<ulong> backingPages, AccessType access, bool kernelAccess, out GuestMemoryFault fault)
    {
        if (!TryBegin(memory, region, OffsetOf(region, backingPages[0]), access, out int before, out fault))
        {
            return false;
        }

        if (!TryLockPages(region, backingPages, access, out RegionFault failure) || !TryExpose(region, backingPages, kernelAccess, out failure))
        {
            fault = memory.LockFault(region, failure);
            ReleaseFrom(before);
            return false;
        }

        // Of memory that cannot fault, one page says what there is to say about all.
        foreach (ulong page in region.IsDirect ? backingPages[..1] : backingPages)
        {
            if (!CanBeUsed(memory, region, OffsetOf(region, page), GuestAddress.PageSize, access, out fault))
            {
                ReleaseFrom(before);
                return false;
            }
        }

        for (int i = 0; i < backingPages.Length && AllowsSpans && region.FaultBehavior != FaultBehavior.Never; i++)
        {
            AllowsSpans = KeepsLockedPages(region, backingPages[i], 1);
        }

        return true;
    }

    /// <summary>Unlocks everything, last locked first.</summary>
    internal void Release() => ReleaseFrom(0);

    /// <summary>Unlocks everything, for a finalizer: what a backing throws has nobody to go to.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "An exception out of a finalizer would end the process.")]
    internal void ReleaseForgotten()
    {
        while (_count > 0)
        {
            try
            {
                Release();
            }
            catch (Exception)
            {
                // The entry that failed is gone; those before it are still to be released.
                continue;
            }
        }
    }

    /// <summary>How many entries there are, for <see cref="ReleaseFrom"/>.</summary>
    internal int Mark => _count;

    /// <summary>Unlocks what was locked since <see cref="Mark"/> had this value.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "The first exception of a backing reaches the caller after the rest is undone.")]
    internal void ReleaseFrom(int mark)
    {
        ExceptionDispatchInfo? failure = null;
        while (_count > mark)
        {
            Entry entry = At(--_count);
            At(_count) = default;
            try
            {
                if (entry.Pages is not null)
                {
                    entry.Backing.UnlockPages(entry.Pages);
                }
                else if (entry.PageCount > 0)
                {
                    UnlockPages(entry);
                }

                if (entry.Holds)
                {
                    entry.Backing.EndUse();
                }
            }
            catch (Exception e)
            {
                failure ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        failure?.Throw();
    }

    [SkipLocalsInit]
    private static void UnlockPages(in Entry entry)
    {
        Span<ulong> pages = stackalloc ulong[Batch];
        pages = pages[..entry.PageCount];
        Number(pages, entry.FirstPage);
        entry.Backing.UnlockPages(pages);
    }

    /// <summary>Whether nobody can take the pages away while they are locked.</summary>
    private static bool KeepsLockedPages(MemoryRegion region, ulong firstBackingPage, ulong count) =>
        region.FaultBehavior == FaultBehavior.Never || region.Backing.KeepsLockedPages(firstBackingPage, count);

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

    /// <summary>Whether pages that are locked can be accessed.</summary>
    private static bool CanBeUsed(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        fault = default;
        if (region.IsDirect)
        {
            // Nothing to look for; but a memory that is closed gives no new locks.
            if (!memory.IsClosed(region))
            {
                return true;
            }

            fault = memory.LockFault(region, new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset));
            return false;
        }

        if (IsAccessible(region, region.Base + offset, length, access)
            || memory.TryProbe(region.Start + offset, length, access, out fault))
        {
            return true;
        }

        fault = fault.WithoutRange(GuestMemoryOperation.Lock);
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

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private static bool TryExpose(MemoryRegion region, ulong offset, ulong length, bool kernelAccess, out RegionFault failure)
    {
        failure = default;
        if (!kernelAccess)
        {
            return true;
        }

        try
        {
            BackingResult result = region.Backing.ExposeAddress(region.BackingOffset + offset, length);
            failure = Failure(region, result, offset, length);
            return !result.IsFailure;
        }
        catch (Exception e)
        {
            failure = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return false;
        }
    }

    private static bool TryExpose(MemoryRegion region, ReadOnlySpan<ulong> backingPages, bool kernelAccess, out RegionFault failure)
    {
        failure = default;
        if (kernelAccess)
        {
            foreach (ulong page in backingPages)
            {
                if (!TryExpose(region, OffsetOf(region, page), GuestAddress.PageSize, kernelAccess, out failure))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static RegionFault Failure(MemoryRegion region, in BackingResult result, ulong offset, ulong length) =>
        result.IsFailure
            ? new RegionFault(
                result.Kind,
                FaultCause.Backing,
                Math.Clamp(unchecked(result.Address - region.BackingOffset), offset, offset + (length - 1)),
                result.Exception)
            : default;

    /// <summary>Sees whether a region can be locked at all, and keeps its backing. <paramref name="before"/> is what to return to if the rest fails.</summary>
    private bool TryBegin(
        GuestMemory memory, MemoryRegion region, ulong offset, AccessType access, out int before, out GuestMemoryFault fault)
    {
        before = _count;
        GuestMemoryBacking backing = region.Backing;
        RegionFault failure;
        if (region.Base == null || !backing.IsLockable)
        {
            failure = new RegionFault(GuestMemoryFaultKind.NotLockable, FaultCause.Backing, offset);
        }
        else if (!region.Permits(access))
        {
            GuestMemoryFaultKind kind = access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Restricted;
            failure = new RegionFault(kind, FaultCause.Check, offset);
        }
        else if ((before == 0 || At(before - 1).Backing != backing) && !TryHold(backing))
        {
            failure = new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
        }
        else
        {
            fault = default;
            return true;
        }

        fault = memory.LockFault(region, failure);
        return false;
    }

    private bool TryHold(GuestMemoryBacking backing)
    {
        if (!backing.TryBeginUse())
        {
            return false;
        }

        Push(new Entry(backing, 0, 0, Holds: true));
        return true;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    [SkipLocalsInit]
    private bool TryLockPages(
        MemoryRegion region, ulong first, ulong last, ulong offset, ulong length, AccessType access, out RegionFault failure)
    {
        Span<ulong> pages = stackalloc ulong[Batch];
        try
        {
            for (ulong page = first; page <= last; page += Batch)
            {
                Span<ulong> batch = pages[..(int)Math.Min(Batch, last - page + 1)];
                Number(batch, page);
                BackingResult result = region.Backing.LockPages(batch, access, out bool unlockRequired);
                if (result.IsFailure)
                {
                    failure = Failure(region, result, offset, length);
                    return false;
                }

                if (unlockRequired)
                {
                    Push(new Entry(region.Backing, page, batch.Length, Holds: false));
                }
            }
        }
        catch (Exception e)
        {
            failure = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return false;
        }

        failure = default;
        return true;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private bool TryLockPages(MemoryRegion region, ReadOnlySpan<ulong> backingPages, AccessType access, out RegionFault failure)
    {
        failure = default;
        ulong firstOffset = OffsetOf(region, backingPages[0]);
        try
        {
            BackingResult result = region.Backing.LockPages(backingPages, access, out bool unlockRequired);
            if (result.IsFailure)
            {
                // A backing that names a page it was not asked for is not believed.
                bool named = backingPages.Contains(result.Address >> GuestAddress.PageShift);
                ulong offset = named ? result.Address - region.BackingOffset : firstOffset;
                failure = new RegionFault(result.Kind, FaultCause.Backing, offset, result.Exception);
                return false;
            }

            if (unlockRequired)
            {
                Push(new Entry(region.Backing, 0, 0, Holds: false, backingPages.ToArray()));
            }

            return true;
        }
        catch (Exception e)
        {
            failure = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, firstOffset, e);
            return false;
        }
    }

    private ref Entry At(int index) => ref index == 0 ? ref _first : ref _more[index - 1];

    private void Push(in Entry entry)
    {
        if (_count > _more.Length)
        {
            Array.Resize(ref _more, Math.Max(3, _count * 2));
        }

        At(_count++) = entry;
    }

    /// <summary>Pages to unlock (a run of them, or a list), or a hold on a backing to end, or both.</summary>
    private readonly record struct Entry(GuestMemoryBacking Backing, ulong FirstPage, int PageCount, bool Holds, ulong[]? Pages = null);
}
