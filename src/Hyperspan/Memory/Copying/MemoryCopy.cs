using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>One copy from a range of a memory to a range of the same length, of another or of the same: straight where both are mapped, else through a buffer.</summary>
/// <remarks>Each side of what goes through a buffer is an access of its own, with all that belongs to it.</remarks>
[SkipLocalsInit]
internal readonly unsafe struct MemoryCopy(GuestMemory source, ulong from, GuestMemory destination, ulong to, ulong length)
{
    // What goes through the stack where a copy cannot go straight from mapping to mapping. A page, so that a fault on either side is found page by page.
    private const int BounceSize = GuestAddress.PageSize;

    // The most that is allocated for a copy whose ranges overlap in no one order.
    private const ulong MaxGather = 16 << 20;

    private static readonly NotSupportedException GatherTooLarge =
        new("the two ranges show one backing in different orders; such a copy goes through a buffer of at most 16 MiB");

    /// <summary>Copies. A fault names the memory and the address of the side that failed.</summary>
    internal bool TryRun(out GuestMemoryFault fault)
    {
        if (!source.CheckRange(from, length, GuestMemoryOperation.Copy, out fault)
            || !destination.CheckRange(to, length, GuestMemoryOperation.Copy, out fault))
        {
            return false;
        }

        return length == 0 || FindOverlap() switch
        {
            CopyOverlap.DestinationAbove => TryDownwards(out fault),
            CopyOverlap.DestinationBelow => TryBounce(0, length, out fault),
            CopyOverlap.Both => TryGather(out fault),
            _ => TryUpwards(out fault),
        };
    }

    private bool TryUpwards(out GuestMemoryFault fault)
    {
        fault = default;
        for (ulong done = 0; done < length;)
        {
            if (!TryPiece(done, length - done, out ulong copied, out fault))
            {
                return false;
            }

            done += copied;
        }

        return true;
    }

    /// <summary>Copies as far as one region on either side goes: straight, where both are mapped and without bitmaps, else through the stack.</summary>
    private bool TryPiece(ulong at, ulong left, out ulong copied, out GuestMemoryFault fault)
    {
        MemoryRegion? read = source.Find(from + at);
        MemoryRegion? written = destination.Find(to + at);
        copied = left;
        if (read is { HasBitmaps: false, CanRead: true } && written is { HasBitmaps: false, CanWrite: true } && read.Base != null && written.Base != null)
        {
            copied = Math.Min(left, Math.Min(read.LengthFrom(from + at), written.LengthFrom(to + at)));

            // SAFETY: both ranges lie in mappings that stay reserved while the backings are referenced, and each is one that cannot fault or is accessed guarded.
            bool done = true;
            if (read.IsDirect && written.IsDirect)
            {
                Buffer.MemoryCopy(read.At(from + at), written.At(to + at), copied, copied);
            }
            else
            {
                done = BytePath.TryCopyUpwards(written.At(to + at), read.At(from + at), copied, written.IsDirect, read.MayBlock || written.MayBlock);
            }

            GC.KeepAlive(read.Backing);
            GC.KeepAlive(written.Backing);

            // Told also where it fails: some of it may have been written.
            bool counts = !destination.Gate.AreWritesDisturbed || destination.ConfirmWrite(to + at, copied);
            if (done && counts && (!source.Gate.IsDisturbed || source.ConfirmRead(from + at)))
            {
                fault = default;
                return true;
            }
        }

        return TryBounce(at, copied, out fault);
    }

    /// <summary>Copies a part through the stack, upward.</summary>
    private bool TryBounce(ulong at, ulong count, out GuestMemoryFault fault)
    {
        byte* bounce = stackalloc byte[BounceSize];
        for (ulong done = 0; done < count;)
        {
            ulong piece = Math.Min(BounceSize, count - done);
            if (!TryCarry(at + done, bounce, piece, out _, out fault))
            {
                return false;
            }

            done += piece;
            if (done % (Guard.PagesAtOnce * GuestAddress.PageSize) == 0)
            {
                Guard.LetCollect();
            }
        }

        fault = default;
        return true;
    }

    /// <summary>Copies to higher addresses of the same bytes, and so from the end downward: straight where possible, else through the stack.</summary>
    private bool TryDownwards(out GuestMemoryFault fault)
    {
        if (source.Find(from) is { IsDirect: true, CanRead: true } first && destination.Find(to) is { IsDirect: true, CanWrite: true } other
            && first.Holds(from, length) && other.Holds(to, length))
        {
            return TryPiece(0, length, out _, out fault);
        }

        byte* bounce = stackalloc byte[BounceSize];
        for (ulong left = length; left > 0;)
        {
            ulong piece = Math.Min(BounceSize, left);
            left -= piece;
            if (!TryCarry(left, bounce, piece, out bool read, out fault))
            {
                // Going down, the first fault that is met need not be the lowest one.
                if (read
                    ? TryFindFault(destination, to, left, AccessType.Write, out GuestMemoryFault lower)
                    : TryFindFault(source, from, left, AccessType.Read, out lower))
                {
                    fault = Named(lower, read);
                }

                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>Copies by way of a buffer for all of it, where no order of copying piece by piece would be right. Refuses what the buffer may not hold.</summary>
    private bool TryGather(out GuestMemoryFault fault)
    {
        Exception refusal = GatherTooLarge;
        byte* buffer = null;
        if (length <= MaxGather)
        {
            try
            {
                // SAFETY: as long as the range; freed on every way out.
                buffer = (byte*)NativeMemory.Alloc((nuint)length);
            }
            catch (OutOfMemoryException e)
            {
                refusal = e;
            }
        }

        if (buffer == null)
        {
            fault = new GuestMemoryFault(
                source.Name, GuestMemoryOperation.Copy, GuestMemoryFaultKind.Other, FaultCause.Check, from, (from, length), exception: refusal);
            return false;
        }

        try
        {
            return TryCarry(0, buffer, length, out _, out fault);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>The step of every copy through a buffer: read, then write. <paramref name="read"/> says which of them failed.</summary>
    private bool TryCarry(ulong at, byte* buffer, ulong count, out bool read, out GuestMemoryFault fault)
    {
        read = BytePath.TryReadBytes(source, from + at, buffer, count, GuestMemoryOperation.Copy, out fault);
        if (read && BytePath.TryWriteBytes(destination, to + at, buffer, count, GuestMemoryOperation.Copy, out fault))
        {
            return true;
        }

        fault = Named(fault, read);
        return false;
    }

    /// <summary>The fault of a step as that of the whole copy, on the side of the destination or of the source.</summary>
    private GuestMemoryFault Named(in GuestMemoryFault fault, bool inDestination) =>
        fault.As(GuestMemoryOperation.Copy, inDestination ? to : from, length);

    /// <summary>Finds the lowest fault in a range, region by region.</summary>
    private static bool TryFindFault(GuestMemory memory, ulong start, ulong count, AccessType access, out GuestMemoryFault fault)
    {
        foreach (RegionPiece piece in new RegionPieces(memory, start, count))
        {
            // A probe for writing exchanges a byte with itself; that a device cannot do so says nothing about writes.
            if (!memory.TryProbe(piece.Address, piece.Length, access, out fault) && fault.Kind != GuestMemoryFaultKind.NoFallback)
            {
                return true;
            }
        }

        fault = default;
        return false;
    }

    /// <summary>
    /// Compares the parts of backings that the two ranges show, whatever the addresses: a backing may be shown by both memories, or more than once by one.
    /// </summary>
    private CopyOverlap FindOverlap()
    {
        // Usually a region on either side, and different backings.
        if (source.Find(from) is { } first && first.Holds(from, length) && destination.Find(to) is { } other && other.Holds(to, length))
        {
            return OverlapOf(first, other);
        }

        var overlap = CopyOverlap.None;
        foreach (MemoryRegion read in source.Clipped)
        {
            foreach (MemoryRegion written in destination.Clipped)
            {
                overlap |= OverlapOf(read, written);
            }
        }

        return overlap;
    }

    private CopyOverlap OverlapOf(MemoryRegion read, MemoryRegion written)
    {
        if (read.Backing != written.Backing
            || !read.TryClip(from, length, out ulong readAt, out ulong readLength)
            || !written.TryClip(to, length, out ulong writtenAt, out ulong writtenLength))
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
}
