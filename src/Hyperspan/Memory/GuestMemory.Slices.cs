using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Parts of a memory: slices, which are memories, and views, which are bounds on offsets as plain values.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Makes a slice of this memory: a part, with addresses of its own that start at zero. Accesses cannot leave it.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">
    /// The length in bytes. All of it must be memory; it may span regions that touch. With zero the slice is empty; it may not start past the end.
    /// </param>
    /// <returns>The slice. It keeps this memory alive, and is closed with it; disposing the slice leaves this memory open.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, or a backing refused.</exception>
    /// <remarks>Everything reaches the backings as if done through this memory: faults, fallbacks, bitmaps, pins, sharing, I/O addresses.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GuestMemory Slice(GuestAddress start, ulong length) => Slice(start, length, allowPreemptivePinning: false);

    /// <summary>Makes a slice of this memory: a part, with addresses of its own that start at zero. Accesses cannot leave it.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">
    /// The length in bytes. All of it must be memory; it may span regions that touch. With zero the slice is empty; it may not start past the end.
    /// </param>
    /// <param name="allowPreemptivePinning">
    /// Whether a backing may pin the pages into memory for faster access. Only for ranges that the caller owns: pinning random guest memory may do harm.
    /// </param>
    /// <returns>The slice. It keeps this memory alive, and is closed with it; disposing the slice leaves this memory open.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, or a backing refused.</exception>
    /// <remarks>Everything reaches the backings as if done through this memory: faults, fallbacks, bitmaps, pins, sharing, I/O addresses.</remarks>
    public GuestMemory Slice(GuestAddress start, ulong length, bool allowPreemptivePinning)
    {
        // In one region of a backing that leaves it to us, a slice is made without asking anybody.
        if (Find(start.Value) is { HasHooks: false } region && length != 0 && region.Holds(start.Value, length) && !IsClosed(region))
        {
            return new GuestMemory(this, region, start.Value, length);
        }

        return SliceOrThrow(start, length, allowPreemptivePinning);
    }

    /// <summary>Makes a slice of this memory whose pages can be pinned.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The slice.</returns>
    /// <exception cref="GuestMemoryException">
    /// The range is not all memory, a backing refused, or a part of it cannot be pinned (<see cref="GuestMemoryFaultKind.NotPinnable"/>).
    /// </exception>
    public GuestMemory PinnableSlice(GuestAddress start, ulong length)
    {
        if (!TryPinnableSlice(start, length, out GuestMemory? slice, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return slice;
    }

    /// <summary>Makes a slice of this memory whose pages can be pinned and says why where it cannot; see <see cref="PinnableSlice(GuestAddress, ulong)"/>.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="slice">The slice.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether it was made.</returns>
    public bool TryPinnableSlice(GuestAddress start, ulong length, [NotNullWhen(true)] out GuestMemory? slice, out GuestMemoryFault fault)
    {
        if (!TrySlice(start, length, allowPreemptivePinning: true, out slice, out fault))
        {
            return false;
        }

        foreach (MemoryRegion region in slice.Clipped)
        {
            if (!region.Backing.IsPinnable)
            {
                fault = new GuestMemoryFault(
                    Name,
                    GuestMemoryOperation.Slice,
                    GuestMemoryFaultKind.NotPinnable,
                    FaultCause.Backing,
                    start.Value + region.Start,
                    (start.Value, length),
                    region.Backing.Name);
                slice = null;
                return false;
            }
        }

        return true;
    }

    /// <summary>Makes a slice of this memory and says why where it cannot; see <see cref="Slice(GuestAddress, ulong)"/>.</summary>
    /// <inheritdoc cref="TryPinnableSlice(GuestAddress, ulong, out GuestMemory?, out GuestMemoryFault)" path="/param"/>
    /// <returns>Whether it was made.</returns>
    public bool TrySlice(GuestAddress start, ulong length, [NotNullWhen(true)] out GuestMemory? slice, out GuestMemoryFault fault) =>
        TrySlice(start, length, allowPreemptivePinning: false, out slice, out fault);

    /// <summary>Makes a slice of this memory and says why where it cannot; see <see cref="Slice(GuestAddress, ulong, bool)"/>.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="allowPreemptivePinning">Whether a backing may pin the pages into memory for faster access.</param>
    /// <param name="slice">The slice.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether it was made.</returns>
    public bool TrySlice(
        GuestAddress start,
        ulong length,
        bool allowPreemptivePinning,
        [NotNullWhen(true)] out GuestMemory? slice,
        out GuestMemoryFault fault)
    {
        ulong from = start.Value;
        slice = null;
        if (!CheckRange(from, length, GuestMemoryOperation.Slice, out fault))
        {
            return false;
        }

        if (length == 0)
        {
            // A slice of nothing still is at a place: at an end, or in a gap, but not past the last byte.
            if (from > 0 && (Last is not { } last || from - 1 > last.Value))
            {
                fault = new GuestMemoryFault(
                    Name, GuestMemoryOperation.Slice, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, from, (from, length));
                return false;
            }

            slice = new GuestMemory(this, [], from);
            return true;
        }

        if (Find(from) is { } region && region.Holds(from, length))
        {
            if (region.HasHooks && !TryBackingSlice(region, from, length, allowPreemptivePinning, out slice, out fault))
            {
                return false;
            }

            slice ??= new GuestMemory(this, region, from, length);
            return true;
        }

        slice = new GuestMemory(this, ClipRegions(Clipped, from, length), from);
        return true;
    }

    private GuestMemory SliceOrThrow(GuestAddress start, ulong length, bool allowPreemptivePinning)
    {
        if (!TrySlice(start, length, allowPreemptivePinning, out GuestMemory? slice, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return slice;
    }

    /// <summary>Lets the backing make the slice if it has a way of its own; null where it has not.</summary>
    private bool TryBackingSlice(
        MemoryRegion region, ulong from, ulong length, bool allowPreemptivePinning, out GuestMemory? slice, out GuestMemoryFault fault)
    {
        slice = null;
        var call = new SliceCall(allowPreemptivePinning);
        if (!BackingCall.Try(region, from - region.Start, length, ref call, out RegionFault met))
        {
            fault = FaultIn(region, met, GuestMemoryOperation.Slice, (from, length));
            return false;
        }

        fault = default;
        return call.Made is not { } made || TryShow(made, region, from, length, out slice, out fault);
    }

    /// <summary>Makes the slice that shows a memory of the backing's own, which must be as long as was asked for.</summary>
    private bool TryShow(GuestMemory made, MemoryRegion region, ulong from, ulong length, out GuestMemory? slice, out GuestMemoryFault fault)
    {
        slice = null;
        if (!made.CheckRange(0, length, GuestMemoryOperation.Slice, out fault))
        {
            fault = FaultIn(
                region,
                new RegionFault(fault.Kind, FaultCause.Backing, from - region.Start + (fault.Address?.Value ?? 0)),
                GuestMemoryOperation.Slice,
                (from, length));
            return false;
        }

        if (made.LastAddress != length - 1)
        {
            var tooLong = new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"the backing has made a slice of 0x{made.LastAddress + (UInt128)1:x} bytes where 0x{length:x} were asked for"));
            fault = FaultIn(
                region, new RegionFault(GuestMemoryFaultKind.Other, FaultCause.Backing, from - region.Start, tooLong), GuestMemoryOperation.Slice, (from, length));
            return false;
        }

        slice = new GuestMemory(this, made, from);
        return true;
    }

    /// <summary>
    /// Makes a view of a part of this memory without an allocation; see <see cref="Slice(GuestAddress, ulong, bool)"/> for a part that is a memory of its own.
    /// </summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes. All of it must be memory; it may span regions that touch.</param>
    /// <returns>The view. It keeps this memory alive and is open as long as this is.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GuestMemoryView View(GuestAddress start, ulong length)
    {
        if (!Contains(start, length))
        {
            ThrowUnlessView(start, length);
        }

        return new GuestMemoryView(this, start.Value, length);
    }

    /// <summary>Makes a view of a part of this memory and says why where it cannot; see <see cref="View(GuestAddress, ulong)"/>. Neither throws nor allocates.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="view">The view; empty where there is none.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the range is all memory.</returns>
    public bool TryView(GuestAddress start, ulong length, out GuestMemoryView view, out GuestMemoryFault fault)
    {
        if (!CheckRange(start.Value, length, GuestMemoryOperation.Slice, out fault))
        {
            view = default;
            return false;
        }

        view = new GuestMemoryView(this, start.Value, length);
        return true;
    }

    /// <summary>Makes a view of a range; see <see cref="View(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>The view.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory.</exception>
    public GuestMemoryView View(GuestRange range) => View(range.Start, range.Length);

    /// <summary>Makes a view of a range; see <see cref="TryView(GuestAddress, ulong, out GuestMemoryView, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="view">The view; empty where there is none.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the range is all memory.</returns>
    public bool TryView(GuestRange range, out GuestMemoryView view, out GuestMemoryFault fault) => TryView(range.Start, range.Length, out view, out fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowUnlessView(GuestAddress start, ulong length)
    {
        if (!CheckRange(start.Value, length, GuestMemoryOperation.Slice, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }
}
