using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <content>Locks of paged ranges.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Locks the pages of a paged range.</summary>
    /// <param name="range">The range; it may span its first and its last page in part.</param>
    /// <param name="access">What the pages are locked for; each page is probed for it, after it was locked.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <returns>The lock, with one piece for each run that is contiguous in host memory.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be locked or accessed; those before it have been unlocked again.</exception>
    public LockedMemory LockRange(in PagedRange range, AccessType access, bool kernelAccess = true)
    {
        if (!TryLockRange(range, access, kernelAccess, out LockedMemory? locked, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return locked;
    }

    /// <summary>Locks the pages of a paged range and says why where it cannot; see <see cref="LockRange(in PagedRange, AccessType, bool)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="access">What the pages are locked for.</param>
    /// <param name="kernelAccess">Whether the addresses will be given to the kernel or to a device.</param>
    /// <param name="locked">The lock.</param>
    /// <param name="fault">Why there is none. It has no range, but the address that failed.</param>
    /// <returns>Whether the pages were locked.</returns>
    public bool TryLockRange(
        in PagedRange range,
        AccessType access,
        bool kernelAccess,
        [NotNullWhen(true)] out LockedMemory? locked,
        out GuestMemoryFault fault)
    {
        using var vectors = new VectorList(Math.Min(range.PageNumbers.Length, HeldLocks.Batch));
        var locks = new HeldLocks(forSpans: true);
        locked = null;
        fault = default;
        try
        {
            foreach (PagedRun run in range.Runs)
            {
                if (!TryLockRun(locks, vectors, run, access, kernelAccess, out fault))
                {
                    return false;
                }
            }

            locked = Keep(locks, vectors, range.Length, access);
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

    /// <summary>Locks one run of a paged range and appends its pieces; undoes the run where it fails.</summary>
    internal bool TryLockRun(
        HeldLocks locks,
        VectorList vectors,
        in PagedRun run,
        AccessType access,
        bool kernelAccess,
        out GuestMemoryFault fault)
    {
        if (!run.IsValid)
        {
            fault = GuestMemoryFault.OfPageNumber(Name, GuestMemoryOperation.Lock, run.FirstPageNumber, run.InvalidIndex);
            return false;
        }

        if (!TryLockInto(locks, vectors, run.Address.Value, run.Length, access, kernelAccess, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Lock);
            return false;
        }

        return true;
    }
}
