using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>Copies between memories.</content>
public sealed unsafe partial class GuestMemory
{
    // What goes through the stack where a copy cannot go straight from mapping to mapping. A page, so that a fault on either side is found page by page.
    private const int BounceSize = GuestAddress.PageSize;

    /// <summary>Copies bytes from this memory to another, or to another place in this one.</summary>
    /// <param name="source">The guest-physical address of the first byte in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be copied; the fault names the memory and the address of the side that failed. A part may have been written.
    /// </exception>
    /// <remarks>
    /// Where both ranges show the same part of the same backing, the result is as if the source had been read before the destination is written.
    /// That two different backings map the same file cannot be seen from here. Where regions show that part in different orders, so that no order of copying is right,
    /// at most 16 MiB can be copied.
    /// </remarks>
    public void CopyTo(GuestAddress source, GuestMemory destination, GuestAddress destinationAddress, ulong length)
    {
        if (!TryCopyTo(source, destination, destinationAddress, length, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>
    /// Copies bytes between memories and says why where it cannot; see <see cref="CopyTo(GuestAddress, GuestMemory, GuestAddress, ulong)"/>. Neither throws nor allocates
    /// when memory cannot be accessed.
    /// </summary>
    /// <param name="source">The guest-physical address of the first byte in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be copied.</param>
    /// <returns>Whether all of it was copied.</returns>
    public bool TryCopyTo(
        GuestAddress source, GuestMemory destination, GuestAddress destinationAddress, ulong length, out GuestMemoryFault fault)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ulong from = source.Value;
        ulong to = destinationAddress.Value;
        if (!CheckRange(from, length, GuestMemoryOperation.Copy, out fault)
            || !destination.CheckRange(to, length, GuestMemoryOperation.Copy, out fault))
        {
            return false;
        }

        if (length == 0)
        {
            return true;
        }

        switch (FindOverlap(from, destination, to, length))
        {
            case CopyOverlap.DestinationAbove:
                return TryCopyBackward(from, destination, to, length, out fault);
            case CopyOverlap.DestinationBelow:
                return TryBounce(from, destination, to, length, out fault);
            case CopyOverlap.Both:
                return TryGather(from, destination, to, length, out fault);
        }

        ulong done = 0;
        while (done < length)
        {
            if (!TryCopyPiece(from + done, destination, to + done, length - done, out ulong copied, out fault))
            {
                // The piece names where it started on the side that failed; the caller asked for more.
                fault = fault.As(GuestMemoryOperation.Copy, fault.Start.Value - done, length);
                return false;
            }

            done += copied;
        }

        return true;
    }

    /// <summary>Copies as far as one region on either side goes: straight, where both are mapped and unrestricted, else through the stack.</summary>
    private bool TryCopyPiece(
        ulong from, GuestMemory destination, ulong to, ulong length, out ulong copied, out GuestMemoryFault fault)
    {
        MemoryRegion? source = Find(from);
        MemoryRegion? target = destination.Find(to);
        copied = length;
        if (source is { HasBitmaps: false, CanRead: true } && target is { HasBitmaps: false, CanWrite: true } && source.Base != null && target.Base != null)
        {
            copied = Math.Min(length, Math.Min(source.LengthFrom(from), target.LengthFrom(to)));

            // SAFETY: both ranges lie in mappings that stay reserved while the backings are referenced, and each is one that cannot fault or is accessed guarded.
            byte* read = source.At(from);
            byte* write = target.At(to);
            bool done;
            if (source.IsDirect && target.IsDirect)
            {
                Buffer.MemoryCopy(read, write, copied, copied);
                done = true;
            }
            else
            {
                done = BytePath.TryCopyUpwards(write, read, copied, target.IsDirect, source.MayBlock || target.MayBlock);
            }

            GC.KeepAlive(source.Backing);
            GC.KeepAlive(target.Backing);
            destination.Tell(target, to - target.Start, copied);
            if (done && !IsClosed(source) && !destination.IsClosed(target))
            {
                fault = default;
                return true;
            }
        }

        return TryBounce(from, destination, to, copied, out fault);
    }

    /// <summary>Copies through the stack, upward. Each side is an access of its own, with all that belongs to it.</summary>
    private bool TryBounce(ulong from, GuestMemory destination, ulong to, ulong length, out GuestMemoryFault fault)
    {
        byte* bounce = stackalloc byte[BounceSize];
        for (ulong done = 0; done < length;)
        {
            ulong piece = Math.Min(BounceSize, length - done);
            if (!TryCarry(from + done, destination, to + done, bounce, piece, out bool read, out fault))
            {
                fault = fault.As(GuestMemoryOperation.Copy, read ? to : from, length);
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

    /// <summary>
    /// The step of every copy through a buffer: read, then write.
    /// <paramref name="read"/> says which one failed: the fault is that of the step, for the caller to name its own range in.
    /// </summary>
    private bool TryCarry(
        ulong from, GuestMemory destination, ulong to, byte* buffer, ulong length, out bool read, out GuestMemoryFault fault)
    {
        read = BytePath.TryReadBytes(this, from, buffer, length, GuestMemoryOperation.Read, out fault);
        return read && BytePath.TryWriteBytes(destination, to, buffer, length, GuestMemoryOperation.Write, out fault);
    }

    /// <summary>Finds the lowest fault in a range, region by region.</summary>
    private bool TryFindFault(ulong start, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        foreach (RegionPiece piece in new RegionPieces(this, start, length))
        {
            // A probe for writing exchanges a byte with itself; that a device cannot do so says nothing about writes.
            if (!TryProbe(piece.Address, piece.Length, access, out fault) && fault.Kind != GuestMemoryFaultKind.NoFallback)
            {
                return true;
            }
        }

        fault = default;
        return false;
    }

    /// <summary>Copies to higher addresses of the same bytes, and so from the end downward: straight where possible, else through the stack.</summary>
    private bool TryCopyBackward(ulong from, GuestMemory destination, ulong to, ulong length, out GuestMemoryFault fault)
    {
        MemoryRegion? source = Find(from);
        MemoryRegion? target = destination.Find(to);
        if (source is { IsDirect: true, CanRead: true } && target is { IsDirect: true, CanWrite: true }
            && source.Holds(from, length) && target.Holds(to, length))
        {
            return TryCopyPiece(from, destination, to, length, out _, out fault);
        }

        byte* bounce = stackalloc byte[BounceSize];
        for (ulong left = length; left > 0;)
        {
            ulong piece = Math.Min(BounceSize, left);
            left -= piece;
            if (!TryCarry(from + left, destination, to + left, bounce, piece, out bool read, out fault))
            {
                // Going down, the first fault that is met need not be the lowest one.
                if (read
                    ? destination.TryFindFault(to, left, AccessType.Write, out GuestMemoryFault lower)
                    : TryFindFault(from, left, AccessType.Read, out lower))
                {
                    fault = lower;
                }

                fault = fault.As(GuestMemoryOperation.Copy, read ? to : from, length);
                return false;
            }
        }

        fault = default;
        return true;
    }
}
