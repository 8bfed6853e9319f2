namespace Hyperspan;

/// <content>What may be done with pages: the access bitmaps of the backings, by guest-physical address.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Says what may be done with pages from now on, in the access bitmaps of the backings behind them: what is no longer permitted stops through this memory, and through every
    /// other that shows them. It waits until no access that was permitted before can still take effect; see <see cref="AccessBitmaps.Protect"/>.
    /// </summary>
    /// <param name="address">The guest-physical address of the first page, where a page of 4 KiB of the backing begins.</param>
    /// <param name="length">The length in bytes: whole pages, unless the range ends where the backing does.</param>
    /// <param name="protection">What is permitted. Executing is the guest's, and not looked at. What a region does not permit stays forbidden.</param>
    /// <exception cref="GuestMemoryException">
    /// A part of the range is no memory, or its backing has no access bitmaps (<see cref="GuestMemoryFaultKind.NotRestrictable"/>), or it is not one of whole pages
    /// (<see cref="GuestMemoryFaultKind.Misaligned"/>). Nothing has changed then.
    /// </exception>
    /// <exception cref="ArgumentException">Both bitmaps of a backing are the same, and only one of reading and writing is to be permitted. Nothing has changed then.</exception>
    /// <exception cref="InvalidOperationException">
    /// Something is no longer permitted, and the calling thread is inside a section of <see cref="Synchronization.RcuDomain.GuestMemory"/>.
    /// </exception>
    /// <remarks>
    /// Safe from any thread, page-fault handlers and fallback methods too. Changes of one page from several threads at once leave each bit as one of them asked for.
    /// </remarks>
    public void Protect(GuestAddress address, ulong length, Protection protection) =>
        Require(TryProtect(address, length, protection, out GuestMemoryFault fault), fault);

    /// <summary>Says what may be done with pages from now on, and why that cannot be said; see <see cref="Protect(GuestAddress, ulong, Protection)"/>.</summary>
    /// <param name="address">The guest-physical address of the first page.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="protection">What is permitted.</param>
    /// <param name="fault">Why nothing has changed, with the lowest address that is at fault.</param>
    /// <returns>Whether it holds now for all of the range.</returns>
    /// <exception cref="ArgumentException">Both bitmaps of a backing are the same, and only one of reading and writing is to be permitted.</exception>
    /// <exception cref="InvalidOperationException">
    /// Something is no longer permitted, and the calling thread is inside a section of <see cref="Synchronization.RcuDomain.GuestMemory"/>.
    /// </exception>
    public bool TryProtect(GuestAddress address, ulong length, Protection protection, out GuestMemoryFault fault)
    {
        if (!CheckRange(address.Value, length, GuestMemoryOperation.Protect, out fault))
        {
            return false;
        }

        foreach (RegionPiece piece in new RegionPieces(this, address.Value, length))
        {
            if (piece.Region is not { } region)
            {
                fault = DisposedFault(GuestMemoryOperation.Protect, address.Value, length, piece.Address);
                return false;
            }

            GuestMemoryFaultKind kind = !region.HasBitmaps ? GuestMemoryFaultKind.NotRestrictable
                : region.Backing.AccessBitmaps!.CanProtect(region.InBacking(piece.Address), piece.Length, protection) ? GuestMemoryFaultKind.None
                : GuestMemoryFaultKind.Misaligned;
            if (kind != GuestMemoryFaultKind.None)
            {
                fault = FaultIn(region, new RegionFault(kind, FaultCause.Check, piece.Address - region.Start), GuestMemoryOperation.Protect, (address.Value, length));
                return false;
            }
        }

        bool isRestricted = false;
        foreach (RegionPiece piece in new RegionPieces(this, address.Value, length))
        {
            // Disposed meanwhile, nothing is permitted at all.
            if (piece.Region is { } region)
            {
                isRestricted |= region.Backing.AccessBitmaps!.Change(region.InBacking(piece.Address), piece.Length, protection);
            }
        }

        if (isRestricted)
        {
            SynchronizeRestrictions();
        }

        return true;
    }

    /// <summary>
    /// Gets what may be done with a byte: what its region permits and, where its backing has access bitmaps, the bits of its page. That there is a page is not asked.
    /// </summary>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>Whether it may be read and written; never <see cref="Protection.CanExecute"/>, which is the guest's: see <see cref="GuestMemoryRegion.Protection"/>.</returns>
    /// <exception cref="GuestMemoryException">There is no memory at the address.</exception>
    public Protection GetProtection(GuestAddress address)
    {
        Require(TryGetProtection(address, out Protection protection, out GuestMemoryFault fault), fault);
        return protection;
    }

    /// <summary>Gets what may be done with a byte, or why that cannot be said; see <see cref="GetProtection"/>.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="protection">What is permitted.</param>
    /// <param name="fault">Why that cannot be said.</param>
    /// <returns>Whether there is memory at the address.</returns>
    public bool TryGetProtection(GuestAddress address, out Protection protection, out GuestMemoryFault fault)
    {
        protection = default;
        if (!CheckRange(address.Value, 1, GuestMemoryOperation.Probe, out fault))
        {
            return false;
        }

        if (Find(address.Value) is not { } region)
        {
            fault = DisposedFault(GuestMemoryOperation.Probe, address.Value, 1, address.Value);
            return false;
        }

        Protection bits = region.HasBitmaps ? region.Backing.AccessBitmaps!.GetProtection(region.InBacking(address.Value)) : Protection.ReadWrite;
        protection = new Protection(region.CanRead && bits.CanRead, region.CanWrite && bits.CanWrite, execute: false);
        return true;
    }
}
