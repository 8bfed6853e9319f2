using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <content>Subranges.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Makes a view of a part of this memory, with addresses of its own that start at zero. Accesses cannot leave it.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes. All of it must be memory; it may span regions that touch.</param>
    /// <param name="allowPreemptiveLocking">
    /// Whether a backing may lock the pages into memory for faster access. Only for ranges that the caller owns: locking random guest memory may do harm.
    /// </param>
    /// <returns>The view. It keeps this memory alive, and is closed with it; disposing the view leaves this memory open.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, or a backing refused.</exception>
    /// <remarks>Everything reaches the backings as if done through this memory: faults, fallbacks, bitmaps, locks, sharing, I/O addresses.</remarks>
    public GuestMemory Subrange(GuestAddress start, ulong length, bool allowPreemptiveLocking = false)
    {
        if (!TrySubrange(start, length, allowPreemptiveLocking, out GuestMemory? subrange, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return subrange;
    }

    /// <summary>Makes a view of a part of this memory whose pages can be locked.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The view.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, a backing refused, or a part of it cannot be locked (<see cref="GuestMemoryFaultKind.NotLockable"/>).</exception>
    public GuestMemory LockableSubrange(GuestAddress start, ulong length)
    {
        GuestMemory subrange = Subrange(start, length, allowPreemptiveLocking: true);
        foreach (MemoryRegion region in subrange._regions)
        {
            if (!region.Backing.IsLockable)
            {
                Throw(new GuestMemoryFault(
                    Name,
                    GuestMemoryOperation.Subrange,
                    GuestMemoryFaultKind.NotLockable,
                    FaultCause.Backing,
                    start.Value + region.Start,
                    (start.Value, length),
                    region.Backing.Name));
            }
        }

        return subrange;
    }

    /// <summary>Makes a view of a part of this memory and says why where it cannot; see <see cref="Subrange"/>.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="allowPreemptiveLocking">Whether a backing may lock the pages into memory for faster access.</param>
    /// <param name="subrange">The view.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether it was made.</returns>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    public bool TrySubrange(
        GuestAddress start,
        ulong length,
        bool allowPreemptiveLocking,
        [NotNullWhen(true)] out GuestMemory? subrange,
        out GuestMemoryFault fault)
    {
        ulong from = start.Value;
        subrange = null;
        if (!CheckRange(from, length, GuestMemoryOperation.Subrange, out fault))
        {
            return false;
        }

        if (length == 0)
        {
            subrange = new GuestMemory(this, []);
            return true;
        }

        if (_table.Find(from) is { } region && length <= region.Length - (from - region.Start))
        {
            if (!TryBackingSubrange(region, from, length, allowPreemptiveLocking, out subrange, out fault))
            {
                return false;
            }

            subrange ??= new GuestMemory(this, [region.Clip(from, length)]);
            return true;
        }

        var parts = new List<MemoryRegion>();
        foreach (MemoryRegion part in _regions)
        {
            if (part.Start <= from + (length - 1) && part.Start + (part.Length - 1) >= from)
            {
                parts.Add(part.Clip(from, length));
            }
        }

        subrange = new GuestMemory(this, [.. parts]);
        return true;
    }

    /// <summary>Lets the backing make the view if it has a way of its own; null where it has not.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private bool TryBackingSubrange(
        MemoryRegion region, ulong from, ulong length, bool allowPreemptiveLocking, out GuestMemory? subrange, out GuestMemoryFault fault)
    {
        subrange = null;
        fault = default;
        ulong offset = from - region.Start;
        if (!region.Backing.TryBeginUse())
        {
            fault = DisposedFault(GuestMemoryOperation.Subrange, from, length, from);
            return false;
        }

        try
        {
            BackingResult result = region.Backing.CreateSubrange(region.BackingOffset + offset, length, allowPreemptiveLocking, out subrange);
            if (!result.IsFailure)
            {
                return true;
            }

            ulong failed = Math.Clamp(unchecked(result.Address - region.BackingOffset), offset, offset + (length - 1));
            fault = FaultIn(
                region,
                new RegionFault(result.Kind, FaultCause.Backing, failed, result.Exception),
                GuestMemoryOperation.Subrange,
                (from, length));
            return false;
        }
        catch (Exception e)
        {
            fault = FaultIn(
                region, new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e), GuestMemoryOperation.Subrange, (from, length));
            return false;
        }
        finally
        {
            region.Backing.EndUse();
        }
    }
}
