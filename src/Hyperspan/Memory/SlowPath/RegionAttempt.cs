using System.Runtime.CompilerServices;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>One try at an operation on a part of a region's mapping: plain, guarded, or page by page under an access bitmap. Asks nobody and finds the lowest fault.</summary>
[SkipLocalsInit]
internal static unsafe class RegionAttempt
{
    /// <summary>
    /// Tries. What is done on the way of a divisible operation moves <paramref name="offset"/> and <paramref name="length"/> on; below the fault, all of it is done.
    /// </summary>
    /// <param name="region">The region, which has a mapping and permits the access.</param>
    /// <param name="offset">Where in the region to start.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="obstacle">The signal that a guarded access to all of it has met a moment ago, if any.</param>
    /// <param name="fault">What stopped it.</param>
    internal static bool Try<TOperation>(
        MemoryRegion region, ref ulong offset, ref ulong length, ref TOperation operation, Obstacle obstacle, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        if (region.HasBitmaps)
        {
            return TryUnderBitmap(region, ref offset, ref length, ref operation, out fault);
        }

        if (region.IsDirect)
        {
            return TryDirect(region, offset, length, ref operation, out fault);
        }

        if (obstacle is Obstacle.BusError or Obstacle.SegmentationFault && PageMath.IsInPage((ulong)region.Base + offset, length))
        {
            fault = RegionFault.Met(CauseOf((int)obstacle), offset);
            return false;
        }

        return TryGuarded(region, ref offset, ref length, ref operation, out fault);
    }

    private static bool TryDirect<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        // SAFETY: the caller has checked that offset and length lie in the region; its mapping cannot fault and stays reserved while the backing is referenced.
        operation.Direct(region.Base + offset, length);
        GC.KeepAlive(region.Backing);
        fault = default;
        return true;
    }

    /// <summary>
    /// Does the operation by guarded accesses. A write goes page by page: within one call the end of a range may be written before its start,
    /// and bytes above the lowest fault must stay as they are.
    /// </summary>
    private static bool TryGuarded<TOperation>(MemoryRegion region, ref ulong offset, ref ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        if (operation is { IsDivisible: true, Access: AccessType.Write })
        {
            ulong piece;
            while ((piece = PageMath.RestOfPage((ulong)region.Base + offset)) < length)
            {
                if (!TryPiece(region, offset, piece, ref operation, out fault))
                {
                    return false;
                }

                MoveOn(piece, ref offset, ref length, ref operation);
            }
        }

        return TryPiece(region, offset, length, ref operation, out fault);
    }

    /// <summary>
    /// Does the operation page by page, each under its bit of the bitmap and inside a section, so that a writer never waits for more than a page.
    /// What is indivisible is done under the bits of all its pages.
    /// </summary>
    private static bool TryUnderBitmap<TOperation>(MemoryRegion region, ref ulong offset, ref ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        while (true)
        {
            ulong piece = operation.IsDivisible ? Math.Min(length, PageMath.RestOfPage(region.BackingOffset + offset)) : length;
            if (!TryUnderBits(region, offset, piece, ref operation, out fault))
            {
                return false;
            }

            if (piece == length)
            {
                return true;
            }

            MoveOn(piece, ref offset, ref length, ref operation);
        }
    }

    private static void MoveOn<TOperation>(ulong piece, ref ulong offset, ref ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        operation.Advance(piece);
        offset += piece;
        length -= piece;
        if (offset % (Guard.PagesAtOnce * GuestAddress.PageSize) < GuestAddress.PageSize)
        {
            Guard.LetCollect();
        }
    }

    /// <summary>Does the operation by guarded accesses and, where they fault, finds the lowest byte that did and does what lies below it.</summary>
    private static bool TryPiece<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        // SAFETY: as in TryDirect, but a page in the mapping may be missing: the guard recovers from that.
        byte* at = region.Base + offset;
        bool mayBlock = region.MayBlock;
        bool divisible = operation.IsDivisible;
        ulong done = length;
        GuardedResult result;
        while (!(result = operation.Guarded(at, done, mayBlock)).Ok)
        {
            // A page is there or not: within one, the first byte fails as well as any. Unless it is the other side of a copy that failed.
            if (PageMath.IsInPage((ulong)at, done) && result.Value - (ulong)at < done)
            {
                GC.KeepAlive(region.Backing);
                fault = RegionFault.Met(CauseOf((int)result.Status), offset);
                return false;
            }

            // Copies touch their ends before their middle, and scalars may span two pages: what was reported need not be the lowest.
            GuardedFault lowest = Guard.FindLowestFault(at, (nuint)done, operation.Access == AccessType.Write, mayBlock);
            GC.KeepAlive(region.Backing);
            if (lowest.IsNone)
            {
                // It was the caller's buffer, or somebody has mapped the page meanwhile.
                GuardedFault own = operation.Buffer == null
                    ? default
                    : Guard.FindLowestFault(operation.Buffer, (nuint)done, operation.Access == AccessType.Read, mayBlock);
                fault = own.IsNone
                    ? RegionFault.Met(CauseOf((int)result.Status), offset, vanished: true)
                    : new RegionFault(GuestMemoryFaultKind.CallerBuffer, CauseOf(own.Signal), offset);
                return false;
            }

            // Do the bytes below the fault, then report it; unless one of them has gone as well by now.
            ulong below = (ulong)(lowest.Address - at);
            if (!divisible || below == 0 || operation.Guarded(at, below, mayBlock).Ok)
            {
                fault = RegionFault.Met(CauseOf(lowest.Signal), offset + below);
                return false;
            }

            done = below;
        }

        GC.KeepAlive(region.Backing);
        fault = done == length ? default : RegionFault.Met(FaultCause.SegmentationFault, offset + done, vanished: true);
        return done == length;
    }

    private static bool TryUnderBits<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        RcuSlot* section = RcuReader.Enter();
        try
        {
            return TryInSection(region, offset, length, ref operation, out fault);
        }
        finally
        {
            // Whatever is thrown: a section that stays entered stops every writer for good.
            RcuReader.Exit(section);
        }
    }

    /// <summary>Looks at the bits and does the operation, inside a section.</summary>
    private static bool TryInSection<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        byte* bitmap = region.BitmapFor(operation.Access);
        ulong first = region.BitFor(offset);
        ulong last = region.BitFor(offset + (length - 1));
        for (ulong bit = first; bit <= last; bit++)
        {
            // SAFETY: the bitmap covers every page of the backing, and the backing is referenced.
            if ((Volatile.Read(ref bitmap[bit >> 3]) & (1 << (int)(bit & 7))) == 0)
            {
                fault = UpToBit(region, offset, bit == first ? 0 : StartOfPage(region, bit) - offset, operation.Access);
                return false;
            }
        }

        return region.FaultBehavior == FaultBehavior.Never
            ? TryDirect(region, offset, length, ref operation, out fault)
            : TryPiece(region, offset, length, ref operation, out fault);
    }

    /// <summary>The failure by a clear bit, unless a page below that one, whose bit is set, is not there. Called under the bits of those pages.</summary>
    private static RegionFault UpToBit(MemoryRegion region, ulong offset, ulong below, AccessType access)
    {
        if (below != 0 && region.FaultBehavior != FaultBehavior.Never)
        {
            // SAFETY: inside the mapping, which stays reserved; the guard recovers from faults.
            byte* at = region.Base + offset;
            GuardedFault lower = Guard.FindLowestFault(at, (nuint)below, access == AccessType.Write, region.MayBlock);
            GC.KeepAlive(region.Backing);
            if (!lower.IsNone)
            {
                return RegionFault.Met(CauseOf(lower.Signal), offset + (ulong)(lower.Address - at));
            }
        }

        return RegionFault.Met(FaultCause.AccessBitmap, offset + below);
    }

    /// <summary>The offset in the region of the page that a bit stands for.</summary>
    private static ulong StartOfPage(MemoryRegion region, ulong bit) =>
        ((bit - region.BitOffset) << GuestAddress.PageShift) - region.BackingOffset;

    private static FaultCause CauseOf(int signal) => signal == LinuxConstants.SIGBUS ? FaultCause.BusError : FaultCause.SegmentationFault;
}
