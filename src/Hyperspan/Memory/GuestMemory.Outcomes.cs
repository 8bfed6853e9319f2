using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>How the general path ends: what the backing says to a fault, its fallbacks, the fault for the caller, and whether an access counts.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Asks the backing what to do about a fault, in ordinary managed code and outside any RCU section.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private static PageFaultActionKind Resolve(
        MemoryRegion region, ulong offset, ulong length, AccessType access, in Attempt attempt, out RegionFault fault)
    {
        fault = default;
        if (attempt.Vanished)
        {
            return PageFaultActionKind.Retry;
        }

        GuestMemoryBacking backing = region.Backing;
        if (!backing.TryBeginUse())
        {
            fault = new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
            return PageFaultActionKind.Fail;
        }

        try
        {
            PageFaultAction action;
            try
            {
                bool byBitmap = attempt.Cause == FaultCause.AccessBitmap;
                action = backing.OnPageFault(new PageFault(region.BackingOffset + offset, length, access, byBitmap, attempt.Cause));
            }
            finally
            {
                // It may be the last use of a backing that was disposed meanwhile, and release it: that may throw as well.
                backing.EndUse();
            }

            if (action.Action == PageFaultActionKind.Fail)
            {
                fault = new RegionFault(action.FaultKind, attempt.Cause, offset, action.Exception);
            }

            return action.Action;
        }
        catch (Exception e)
        {
            fault = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return PageFaultActionKind.Fail;
        }
    }

    /// <summary>Does the operation by the backing's fallback method.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    private static bool FallBack<TOperation>(
        MemoryRegion region, ulong offset, ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        GuestMemoryBacking backing = region.Backing;
        if (!backing.TryBeginUse())
        {
            fault = new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
            return false;
        }

        try
        {
            BackingResult result;
            try
            {
                result = operation.Fallback(backing, region.BackingOffset + offset, length);
            }
            finally
            {
                // As in Resolve.
                backing.EndUse();
            }

            if (!result.IsFailure)
            {
                fault = default;
                return true;
            }

            // A backing that names an address outside of what it was asked for is not believed.
            ulong failed = Math.Clamp(unchecked(result.Address - region.BackingOffset), offset, offset + (length - 1));
            fault = new RegionFault(result.Kind, FaultCause.Backing, failed, result.Exception);
            return false;
        }
        catch (Exception e)
        {
            fault = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return false;
        }
    }

    private GuestMemoryFault FaultIn(MemoryRegion region, in RegionFault fault, GuestMemoryOperation name, (ulong Start, ulong Length)? range) =>
        fault.Kind == GuestMemoryFaultKind.CallerBuffer
            ? new GuestMemoryFault(Name, name, fault.Kind, fault.Cause, range: range)
            : new GuestMemoryFault(Name, name, fault.Kind, fault.Cause, region.Start + fault.Offset, range, region.Backing.Name, fault.Exception);

    private GuestMemoryFault DisposedFault(GuestMemoryOperation name, ulong address, ulong length, ulong at) =>
        new(Name, name, GuestMemoryFaultKind.Disposed, FaultCause.Check, at, (address, length));

    /// <summary>Whether an access that was done inline, inside one region, counts although the gate was disturbed: its region must still be open.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsOpenAt(ulong address) => !IsDisposed && Find(address) is { } region && !IsClosed(region);

    private bool Confirm(ulong address, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        bool open = length == 0 || (name == GuestMemoryOperation.Write ? CountWrite(address, length) : IsOpenAt(address));
        fault = open ? default : DisposedFault(name, address, length, address);
        return open;
    }
}
