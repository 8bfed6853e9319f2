using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <content>Locks.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Gets a value indicating whether all of this memory can be locked. Asked of the backings; where it is <see langword="false"/>, locks may fail with
    /// <see cref="GuestMemoryFaultKind.NotLockable"/>.
    /// </summary>
    public bool IsLockable
    {
        get
        {
            foreach (MemoryRegion region in Regions)
            {
                if (!region.Backing.IsLockable)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Locks whole pages, named by number.</summary>
    /// <param name="pageNumbers">Guest page numbers, in the order in which the pages will be used. A page may be named more than once.</param>
    /// <param name="access">What the pages are locked for; each page is probed for it, after it was locked.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <returns>The lock, with one piece a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be locked or accessed; those before it have been unlocked again.</exception>
    public LockedMemory LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, bool kernelAccess = false)
    {
        if (!TryLockPages(pageNumbers, access, kernelAccess, out LockedMemory? locked, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return locked;
    }

    /// <summary>Locks whole pages and says why where it cannot; see <see cref="LockPages"/>.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">What the pages are locked for.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <param name="locked">The lock.</param>
    /// <param name="fault">Why there is none. It has no range, but the address of the page.</param>
    /// <returns>Whether the pages were locked.</returns>
    public bool TryLockPages(
        ReadOnlySpan<ulong> pageNumbers,
        AccessType access,
        bool kernelAccess,
        [NotNullWhen(true)] out LockedMemory? locked,
        out GuestMemoryFault fault)
    {
        var locks = new HeldLocks(forSpans: true);
        locked = null;
        fault = default;
        try
        {
            // Grows with what could be locked, not with what is asked for.
            var vectors = new IoVector[Math.Min(pageNumbers.Length, HeldLocks.Batch)];
            for (int done = 0; done < pageNumbers.Length;)
            {
                if (vectors.Length - done < Math.Min(pageNumbers.Length - done, HeldLocks.Batch))
                {
                    Array.Resize(ref vectors, (int)Math.Min(pageNumbers.Length, vectors.Length * 2L));
                }

                int count = TryLockRun(locks, pageNumbers, done, vectors.AsSpan(done), access, kernelAccess, out fault);
                if (count == 0)
                {
                    return false;
                }

                done += count;
            }

            locked = new LockedMemory(this, locks, vectors, (ulong)vectors.Length * GuestAddress.PageSize, access);
            return true;
        }
        finally
        {
            if (locked is null)
            {
                locks.Undo(0);
            }
        }
    }

    /// <summary>Locks the pages of a range.</summary>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are locked for; each page is probed for it, after it was locked.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <returns>The lock, with one piece for each contiguous run of host memory; the first and the last may be parts of a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be locked or accessed; those before it have been unlocked again.</exception>
    public LockedMemory LockRange(GuestAddress address, ulong length, AccessType access, bool kernelAccess = true)
    {
        if (!TryLockRange(address, length, access, kernelAccess, out LockedMemory? locked, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return locked;
    }

    /// <summary>Locks the pages of a range and says why where it cannot; see <see cref="LockRange(GuestAddress, ulong, AccessType, bool)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are locked for.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <param name="locked">The lock.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the pages were locked.</returns>
    public bool TryLockRange(
        GuestAddress address,
        ulong length,
        AccessType access,
        bool kernelAccess,
        [NotNullWhen(true)] out LockedMemory? locked,
        out GuestMemoryFault fault)
    {
        using var vectors = new VectorList(1);
        var locks = new HeldLocks(forSpans: true);
        if (!TryLockInto(locks, vectors, address.Value, length, access, kernelAccess, out fault))
        {
            fault = fault.As(GuestMemoryOperation.Lock, address.Value, length);
            locked = null;
            return false;
        }

        locked = Keep(locks, vectors, length, access);
        return true;
    }

    /// <summary>Makes the object that holds locks. There is no memory for it: they are undone.</summary>
    private LockedMemory Keep(HeldLocks locks, VectorList vectors, ulong length, AccessType access)
    {
        try
        {
            return new LockedMemory(this, locks, vectors.ToArray(), length, access);
        }
        catch
        {
            locks.Undo(0);
            throw;
        }
    }

    /// <summary>Locks a range and appends its pieces, joining those that touch in host memory. Undoes this range where it fails.</summary>
    internal bool TryLockInto(
        HeldLocks locks,
        VectorList vectors,
        ulong address,
        ulong length,
        AccessType access,
        bool kernelAccess,
        out GuestMemoryFault fault)
    {
        if (!CheckRange(address, length, GuestMemoryOperation.Lock, out fault))
        {
            return false;
        }

        int lockMark = locks.Mark;
        VectorList.Position vectorMark = vectors.Mark;
        bool locked = false;
        try
        {
            for (ulong done = 0; done < length;)
            {
                if (Find(address + done) is not { } region)
                {
                    fault = DisposedFault(GuestMemoryOperation.Lock, address, length, address + done);
                    return false;
                }

                ulong offset = address + done - region.Start;
                ulong piece = Math.Min(length - done, region.Length - offset);
                if (!locks.TryLock(this, region, offset, piece, access, kernelAccess, out byte* at, out fault))
                {
                    return false;
                }

                vectors.Append(at, (nuint)piece);
                done += piece;
            }

            locked = true;
            return true;
        }
        finally
        {
            if (!locked)
            {
                locks.Undo(lockMark);
                vectors.ReturnTo(vectorMark);
            }
        }
    }

    internal GuestMemoryFault LockFault(MemoryRegion region, in RegionFault fault) => FaultIn(region, fault, GuestMemoryOperation.Lock, range: null);

    /// <summary>
    /// Locks pages of a list from a place in it on, as many as lie in one region, by one call of the backing; at most <see cref="HeldLocks.Batch"/>.
    /// Answers how many; zero where it fails.
    /// </summary>
    private int TryLockRun(
        HeldLocks locks,
        ReadOnlySpan<ulong> list,
        int done,
        Span<IoVector> vectors,
        AccessType access,
        bool kernelAccess,
        out GuestMemoryFault fault)
    {
        ReadOnlySpan<ulong> pageNumbers = list[done..];
        if (!TryPageAddress(pageNumbers[0], done, GuestMemoryOperation.Lock, out ulong address, out fault))
        {
            return 0;
        }

        MemoryRegion? region = Find(address);
        ulong backingPageOfZero = region is null ? 0 : unchecked(region.BackingOffset - region.Start);
        if (region is null
            || region.Base == null
            || region.Length - (address - region.Start) < GuestAddress.PageSize
            || backingPageOfZero % GuestAddress.PageSize != 0)
        {
            // Nothing there, or a page of this memory that is made of two pages of backings.
            return TryLockPage(locks, address, access, kernelAccess, out vectors[0], out fault) ? 1 : 0;
        }

        ulong lastStart = region.Length - GuestAddress.PageSize;
        byte* pageZero = region.Base - region.Start;
        int most = Math.Min(pageNumbers.Length, HeldLocks.Batch);
        Span<ulong> backingPages = stackalloc ulong[HeldLocks.Batch];
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

        return locks.TryLockPages(this, region, backingPages[..count], access, kernelAccess, out fault) ? count : 0;
    }

    private static bool IsPageAddress(ulong pageNumber, out ulong address)
    {
        address = pageNumber << GuestAddress.PageShift;
        return pageNumber <= ulong.MaxValue >> GuestAddress.PageShift;
    }

    private bool TryLockPage(
        HeldLocks locks,
        ulong address,
        AccessType access,
        bool kernelAccess,
        out IoVector vector,
        out GuestMemoryFault fault)
    {
        vector = default;
        if (!CheckRange(address, GuestAddress.PageSize, GuestMemoryOperation.Lock, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Lock);
            return false;
        }

        if (Find(address) is not { } region)
        {
            fault = DisposedFault(GuestMemoryOperation.Lock, address, GuestAddress.PageSize, address).WithoutRange(GuestMemoryOperation.Lock);
            return false;
        }

        ulong offset = address - region.Start;
        if (region.Length - offset < GuestAddress.PageSize)
        {
            // Only in slices that start inside a page: this page of theirs is made of two that lie apart.
            fault = LockFault(region, new RegionFault(GuestMemoryFaultKind.NotLockable, FaultCause.Check, offset));
            return false;
        }

        if (!locks.TryLock(this, region, offset, GuestAddress.PageSize, access, kernelAccess, out byte* at, out fault))
        {
            return false;
        }

        vector = new IoVector(at, GuestAddress.PageSize);
        return true;
    }
}
