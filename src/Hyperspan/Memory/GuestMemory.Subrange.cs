using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hyperspan;

/// <content>Subranges.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Makes a view of a part of this memory, with addresses of its own that start at zero. Accesses cannot leave it.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">
    /// The length in bytes. All of it must be memory; it may span regions that touch. With zero the view is empty; it may not start past the end.
    /// </param>
    /// <param name="allowPreemptiveLocking">
    /// Whether a backing may lock the pages into memory for faster access. Only for ranges that the caller owns: locking random guest memory may do harm.
    /// </param>
    /// <returns>The view. It keeps this memory alive, and is closed with it; disposing the view leaves this memory open.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, or a backing refused.</exception>
    /// <remarks>Everything reaches the backings as if done through this memory: faults, fallbacks, bitmaps, locks, sharing, I/O addresses.</remarks>
    public GuestMemory Subrange(GuestAddress start, ulong length, bool allowPreemptiveLocking = false)
    {
        // In one region of a backing that leaves it to us, a view is made without asking anybody.
        if (Find(start.Value) is { MakesSubranges: false } region && length - 1 < region.Length - (start.Value - region.Start) && !IsClosed(region))
        {
            return new GuestMemory(this, region, start.Value, length);
        }

        return SubrangeOrThrow(start, length, allowPreemptiveLocking);
    }

    /// <summary>Makes a view of a part of this memory whose pages can be locked.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The view.</returns>
    /// <exception cref="GuestMemoryException">
    /// The range is not all memory, a backing refused, or a part of it cannot be locked (<see cref="GuestMemoryFaultKind.NotLockable"/>).
    /// </exception>
    public GuestMemory LockableSubrange(GuestAddress start, ulong length)
    {
        GuestMemory subrange = Subrange(start, length, allowPreemptiveLocking: true);
        foreach (MemoryRegion region in subrange.Regions)
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

    /// <summary>Makes a view of a part of this memory and says why where it cannot; see <see cref="Subrange(GuestAddress, ulong, bool)"/>.</summary>
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
            // A view of nothing still is at a place: at an end, or in a gap, but not past the last byte.
            if (from > 0 && (Last is not { } last || from - 1 > last.Value))
            {
                fault = new GuestMemoryFault(
                    Name, GuestMemoryOperation.Subrange, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, from, (from, length));
                return false;
            }

            subrange = new GuestMemory(this, [], from);
            return true;
        }

        if (Find(from) is { } region && length <= region.Length - (from - region.Start))
        {
            if (region.MakesSubranges && !TryBackingSubrange(region, from, length, allowPreemptiveLocking, out subrange, out fault))
            {
                return false;
            }

            subrange ??= new GuestMemory(this, region, from, length);
            return true;
        }

        subrange = new GuestMemory(this, ClipRegions(Regions, from, length), from);
        return true;
    }

    private GuestMemory SubrangeOrThrow(GuestAddress start, ulong length, bool allowPreemptiveLocking)
    {
        if (!TrySubrange(start, length, allowPreemptiveLocking, out GuestMemory? subrange, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return subrange;
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
            BackingResult result;
            GuestMemory? made;
            try
            {
                result = region.Backing.CreateSubrange(region.BackingOffset + offset, length, allowPreemptiveLocking, out made);
            }
            finally
            {
                // It may be the last use of a backing that was disposed meanwhile, and release it: that may throw as well.
                region.Backing.EndUse();
            }

            if (!result.IsFailure)
            {
                return made is null || TryShow(made, region, from, length, out subrange, out fault);
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
    }

    /// <summary>Makes the subrange that shows a memory of the backing's own, which must be as long as was asked for.</summary>
    private bool TryShow(GuestMemory made, MemoryRegion region, ulong from, ulong length, out GuestMemory? subrange, out GuestMemoryFault fault)
    {
        subrange = null;
        if (!made.CheckRange(0, length, GuestMemoryOperation.Subrange, out fault))
        {
            fault = FaultIn(
                region,
                new RegionFault(fault.Kind, FaultCause.Backing, from - region.Start + (fault.Address?.Value ?? 0)),
                GuestMemoryOperation.Subrange,
                (from, length));
            return false;
        }

        if (made._last != length - 1)
        {
            var tooLong = new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"the backing has made a subrange of 0x{made._last + (UInt128)1:x} bytes where 0x{length:x} were asked for"));
            fault = FaultIn(
                region, new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Backing, from - region.Start, tooLong), GuestMemoryOperation.Subrange, (from, length));
            return false;
        }

        subrange = new GuestMemory(this, made, from);
        return true;
    }
}
