using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>What the parts behind this type ask of it: regions, bounds, faults in its name, and whether an access counts.</content>
public sealed unsafe partial class GuestMemory
{
    internal bool IsClosed(MemoryRegion region) => region.Backing.IsDisposed || IsDisposed;

    /// <summary>Whether an access that was done inline, inside one region, counts although the gate was disturbed: its region must still be open.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool ConfirmRead(ulong address) => !IsDisposed && Find(address) is { } region && !IsClosed(region);

    /// <summary>Checks that every byte of a range lies in a region, before any of them is accessed.</summary>
    internal bool CheckRange(ulong address, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        fault = default;
        if (length != 0 && IsDisposed)
        {
            fault = DisposedFault(name, address, length, address);
            return false;
        }

        foreach (RegionPiece piece in new RegionPieces(this, address, length))
        {
            if (piece.Address < address)
            {
                // The memory ends at 2^64: no address beyond it can be named.
                fault = new GuestMemoryFault(Name, name, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, range: (address, length));
                return false;
            }

            if (piece.Region is null && IsDisposed)
            {
                fault = DisposedFault(name, address, length, piece.Address);
                return false;
            }

            if (piece.Region is null || (_strict && piece.Address != address))
            {
                GuestMemoryFaultKind kind = piece.Region is null ? GuestMemoryFaultKind.OutOfRange : GuestMemoryFaultKind.CrossesRegions;
                fault = new GuestMemoryFault(Name, name, kind, FaultCause.Check, piece.Address, (address, length));
                return false;
            }
        }

        return true;
    }

    /// <summary>The fault for the caller.</summary>
    internal GuestMemoryFault FaultIn(MemoryRegion region, in RegionFault fault, GuestMemoryOperation name, (ulong Start, ulong Length)? range) =>
        fault.Kind == GuestMemoryFaultKind.CallerBuffer
            ? new GuestMemoryFault(Name, name, fault.Kind, fault.Cause, range: range)
            : new GuestMemoryFault(Name, name, fault.Kind, fault.Cause, region.Start + fault.Offset, range, region.Backing.Name, fault.Exception);

    internal GuestMemoryFault PinFault(MemoryRegion region, in RegionFault fault) => FaultIn(region, fault, GuestMemoryOperation.Pin, range: null);

    internal GuestMemoryFault DisposedFault(GuestMemoryOperation name, ulong address, ulong length, ulong at) =>
        new(Name, name, GuestMemoryFaultKind.Disposed, FaultCause.Check, at, (address, length));

    /// <summary>
    /// The fault of an access that starts past the end of all memory: what a guest brings about most easily is settled first, and only here is anything written.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool PastEnd(GuestMemoryOperation name, ulong address, ulong length, out GuestMemoryFault fault)
    {
        if (IsDisposed)
        {
            fault = DisposedFault(name, address, length, address);
            return false;
        }

        GuestMemoryFault.OutOfRange(out fault, Name, name, address, address, length);
        return false;
    }

    /// <summary>Makes the form that throws of one that says whether it was done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Require([DoesNotReturnIf(false)] bool done, in GuestMemoryFault fault)
    {
        if (!done)
        {
            Throw(fault);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    [DoesNotReturn]
    internal static void Throw(in GuestMemoryFault fault) => throw fault.ToException();
}
