using System.Runtime.InteropServices;

namespace Hyperspan;

/// <content>Copies whose ranges overlap.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Compares the parts of backings that two ranges show, whatever the addresses: a backing may be shown by both memories, or more than once by one.
    /// </summary>
    private CopyOverlap FindOverlap(ulong from, GuestMemory destination, ulong to, ulong length)
    {
        // Usually a region on either side, and different backings.
        if (Find(from) is { } first && first.Holds(from, length) && destination.Find(to) is { } other && other.Holds(to, length))
        {
            return OverlapOf(first, from, other, to, length);
        }

        var overlap = CopyOverlap.None;
        foreach (MemoryRegion read in Clipped)
        {
            foreach (MemoryRegion written in destination.Clipped)
            {
                overlap |= OverlapOf(read, from, written, to, length);
            }
        }

        return overlap;
    }

    private static CopyOverlap OverlapOf(MemoryRegion read, ulong from, MemoryRegion written, ulong to, ulong length)
    {
        if (read.Backing != written.Backing
            || !TryClip(read, from, length, out ulong readAt, out ulong readLength)
            || !TryClip(written, to, length, out ulong writtenAt, out ulong writtenLength))
        {
            return CopyOverlap.None;
        }

        ulong readOffset = read.InBacking(readAt);
        ulong writtenOffset = written.InBacking(writtenAt);
        if (readOffset >= writtenOffset + writtenLength || writtenOffset >= readOffset + readLength)
        {
            return CopyOverlap.None;
        }

        // The step of the copy at which a byte of the backing is written, less the one at which it is read.
        long later = unchecked((long)((writtenAt - to - writtenOffset) - (readAt - from - readOffset)));
        return later < 0 ? CopyOverlap.DestinationAbove : later > 0 ? CopyOverlap.DestinationBelow : CopyOverlap.None;
    }

    /// <summary>The part of a range of at least one byte that lies in a region.</summary>
    private static bool TryClip(MemoryRegion region, ulong start, ulong length, out ulong clippedStart, out ulong clippedLength)
    {
        clippedStart = Math.Max(region.Start, start);
        ulong last = Math.Min(region.Start + (region.Length - 1), start + (length - 1));
        clippedLength = last - clippedStart + 1;
        return clippedStart <= last;
    }

    // The most that is allocated for a copy whose ranges overlap in no one order.
    private const ulong MaxGather = 16 << 20;

    private static readonly NotSupportedException GatherTooLarge =
        new("the two ranges show one backing in different orders; such a copy goes through a buffer of at most 16 MiB");

    /// <summary>Copies by way of a buffer for all of it, where no order of copying piece by piece would be right. Refuses what the buffer may not hold.</summary>
    private bool TryGather(ulong from, GuestMemory destination, ulong to, ulong length, out GuestMemoryFault fault)
    {
        if (length > MaxGather)
        {
            fault = new GuestMemoryFault(
                Name, GuestMemoryOperation.Copy, GuestMemoryFaultKind.Other, FaultCause.Check, from, (from, length), exception: GatherTooLarge);
            return false;
        }

        byte* buffer;
        try
        {
            // SAFETY: as long as the range; freed on every way out.
            buffer = (byte*)NativeMemory.Alloc((nuint)length);
        }
        catch (OutOfMemoryException e)
        {
            fault = new GuestMemoryFault(
                Name, GuestMemoryOperation.Copy, GuestMemoryFaultKind.Other, FaultCause.Check, from, (from, length), exception: e);
            return false;
        }

        try
        {
            if (!TryCarry(from, destination, to, buffer, length, out bool read, out fault))
            {
                fault = fault.As(GuestMemoryOperation.Copy, read ? to : from, length);
                return false;
            }

            return true;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }
}
