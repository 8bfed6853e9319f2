using Hyperspan.Guarding;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <content>Accesses under access bitmaps.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Waits until no access that was permitted by bits cleared before this call can still take effect. Whoever clears bits of an access bitmap calls it
    /// before relying on it: before the page is given to somebody else, unmapped, or reported as protected. The same as
    /// <see cref="RcuDomain.Synchronize"/> of <see cref="RcuDomain.GuestMemory"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait; nothing may be relied on then.</param>
    /// <exception cref="InvalidOperationException">The calling thread is inside a section of <see cref="RcuDomain.GuestMemory"/>.</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <remarks>Microseconds while no access is under way. Page-fault handlers and fallback methods may call it: they run outside of any section.</remarks>
    public static void SynchronizeRestrictions(CancellationToken cancellationToken = default)
    {
        RcuDomain.GuestMemory.Synchronize(cancellationToken);
    }

    /// <summary>Does what <see cref="SynchronizeRestrictions"/> does, on a thread of the pool.</summary>
    /// <param name="cancellationToken">Ends the wait; nothing may be relied on then.</param>
    /// <returns>A task that ends when no access that was permitted before can still take effect.</returns>
    public static Task SynchronizeRestrictionsAsync(CancellationToken cancellationToken = default) =>
        Task.Run(() => SynchronizeRestrictions(cancellationToken), cancellationToken);

    /// <summary>
    /// Does the operation page by page, each under its bit of the bitmap and inside a section, so that a writer never waits for more than a page.
    /// What is indivisible is done under the bits of all its pages.
    /// </summary>
    private static Attempt TryRestricted<TOperation>(MemoryRegion region, ref ulong offset, ref ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        while (true)
        {
            ulong toPageEnd = GuestAddress.PageSize - ((region.BackingOffset + offset) & (GuestAddress.PageSize - 1));
            ulong piece = operation.IsDivisible ? Math.Min(length, toPageEnd) : length;
            Attempt attempt = TryUnderBits(region, offset, piece, ref operation);
            if (!attempt.Succeeded || piece == length)
            {
                return attempt;
            }

            operation.Advance(piece);
            offset += piece;
            length -= piece;
            if (offset % (Guard.PagesAtOnce * GuestAddress.PageSize) < GuestAddress.PageSize)
            {
                Guard.LetCollect();
            }
        }
    }

    private static Attempt TryUnderBits<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        RcuSlot* section = RcuReader.Enter();
        try
        {
            return TryInSection(region, offset, length, ref operation);
        }
        finally
        {
            // Whatever is thrown: a section that stays entered stops every writer for good.
            RcuReader.Exit(section);
        }
    }

    /// <summary>Looks at the bits and does the operation, inside a section.</summary>
    private static Attempt TryInSection<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation)
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
                return UpToBit(region, offset, bit == first ? 0 : StartOfPage(region, bit) - offset, operation.Access);
            }
        }

        return region.FaultBehavior == FaultBehavior.Never
            ? TryDirect(region, offset, length, ref operation)
            : TryGuardedPiece(region, offset, length, ref operation);
    }

    /// <summary>The failure by a clear bit, unless a page below that one, whose bit is set, is not there. Called under the bits of those pages.</summary>
    private static Attempt UpToBit(MemoryRegion region, ulong offset, ulong below, AccessType access)
    {
        if (below != 0 && region.FaultBehavior != FaultBehavior.Never)
        {
            // SAFETY: inside the mapping, which stays reserved; the guard recovers from faults.
            byte* at = region.Base + offset;
            GuardedFault lower = Guard.FindLowestFault(at, (nuint)below, access == AccessType.Write, region.MayBlock);
            GC.KeepAlive(region.Backing);
            if (!lower.IsNone)
            {
                return new Attempt(false, (ulong)(lower.Address - at), CauseOf(lower.Signal));
            }
        }

        return new Attempt(false, below, FaultCause.AccessBitmap);
    }

    /// <summary>The offset in the region of the page that a bit stands for.</summary>
    private static ulong StartOfPage(MemoryRegion region, ulong bit) =>
        ((bit - region.BitOffset) << GuestAddress.PageShift) - region.BackingOffset;
}
