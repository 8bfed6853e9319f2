using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <summary>
/// Calls a backing's methods on behalf of an access, in ordinary managed code and outside any RCU section: the one place where what a backing throws is caught, what it
/// says is believed as far as it can be, and the backing is kept from being released meanwhile.
/// </summary>
internal static class BackingCall
{
    /// <summary>Calls a method for a part of a region. Fails where the backing has been disposed.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    internal static bool Try<TCall>(MemoryRegion region, ulong offset, ulong length, ref TCall call, out RegionFault fault)
        where TCall : struct, IBackingCall, allows ref struct
    {
        GuestMemoryBacking backing = region.Backing;
        if (!backing.TryBeginUse())
        {
            fault = RegionFault.Disposed(offset);
            return false;
        }

        try
        {
            try
            {
                return TryHeld(region, offset, length, ref call, out fault);
            }
            finally
            {
                // It may be the last use of a backing that was disposed meanwhile, and release it: that may throw as well.
                backing.EndUse();
            }
        }
        catch (Exception e)
        {
            fault = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return false;
        }
    }

    /// <summary>Calls a method of a backing that the caller keeps from being released.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a backing throws becomes the cause of the fault.")]
    internal static bool TryHeld<TCall>(MemoryRegion region, ulong offset, ulong length, ref TCall call, out RegionFault fault)
        where TCall : struct, IBackingCall, allows ref struct
    {
        try
        {
            using var nested = NestedCall.Begin();
            BackingResult result = call.Invoke(region.Backing, region.BackingOffset + offset, length);
            if (!result.IsFailure)
            {
                fault = default;
                return true;
            }

            // A backing that names an offset outside of what it was asked for is not believed.
            ulong failed = Math.Clamp(unchecked(result.Offset - region.BackingOffset), offset, offset + (length - 1));
            fault = new RegionFault(result.Kind, FaultCause.Backing, failed, result.Exception);
            return false;
        }
        catch (Exception e)
        {
            fault = new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Exception, offset, e);
            return false;
        }
    }
}
