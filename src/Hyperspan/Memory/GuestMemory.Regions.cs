using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>What lies at an address: memory at all, which part of which backing, where in the host, and what other processes can map.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Tells whether every byte of a range is memory. Nothing is accessed: whether the pages are there is for <see cref="Probe(GuestAddress, ulong, AccessType)"/> to
    /// find out.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes; no bytes are contained anywhere.</param>
    /// <returns>
    /// Whether an access to the range would be in bounds: <see langword="false"/> also where this memory is disposed, or is strict and the range crosses regions.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(GuestAddress address, ulong length) =>
        ((RegionSlot.Fits(FirstReadBytes, address.Value, length) || RegionSlot.Fits(RegionSlot.BytesBelow(First.StubRead), address.Value, length)) && !Gate.IsDisturbed)
        || ContainsGeneral(address.Value, length);

    /// <summary>Tells whether the byte at an address is memory; see <see cref="Contains(GuestAddress, ulong)"/>.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>Whether an access to the byte would be in bounds.</returns>
    public bool Contains(GuestAddress address) => Contains(address, 1);

    /// <summary>Finds the region that contains an address.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="region">The region, as <see cref="Regions"/> lists it.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryFindRegion(GuestAddress address, [NotNullWhen(true)] out GuestMemoryRegion? region)
    {
        MemoryRegion? found = IsDisposed ? null : Find(address.Value);
        region = found is null ? null : Describe(found, Clipped.IndexOf(found));
        return region is not null;
    }

    /// <summary>Gets the region that contains an address; see <see cref="TryFindRegion"/>.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>The region.</returns>
    /// <exception cref="GuestMemoryException">There is no memory at the address.</exception>
    public GuestMemoryRegion FindRegion(GuestAddress address)
    {
        if (!TryFindRegion(address, out GuestMemoryRegion? region))
        {
            PastEnd(GuestMemoryOperation.Probe, address.Value, 1, out GuestMemoryFault fault);
            Throw(fault);
        }

        return region;
    }

    /// <summary>Gets where an address is mapped in this process, as a hypervisor's memory slot wants to know.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="mapping">The host address of that byte, or <see langword="null"/>.</param>
    /// <param name="length">The bytes from there to the end of the region, which are contiguous in the host as well; zero where there is no mapping.</param>
    /// <returns>Whether the address is memory whose backing has a mapping.</returns>
    /// <remarks>
    /// The mapping is valid until the backing is disposed: keep the backing, or this memory if that disposes it, referenced and open while the mapping is used. What is
    /// done through it is checked against nothing (bounds, protection, access bitmaps) and is guarded by nobody: unless the backing's
    /// <see cref="GuestMemoryBacking.FaultBehavior"/> is <see cref="FaultBehavior.Never"/>, an access by this process may be a fatal signal. The kernel and a guest meet
    /// such faults in their own ways.
    /// </remarks>
    public bool TryGetMapping(GuestAddress address, out byte* mapping, out ulong length)
    {
        if (Find(address.Value) is { } region && region.Base != null && !IsClosed(region))
        {
            mapping = region.At(address.Value);
            length = region.LengthFrom(address.Value);
            return true;
        }

        mapping = null;
        length = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ContainsGeneral(ulong address, ulong length) =>
        (Find(address) is { } region && region.Holds(address, length) && !IsDisposed) || CheckRange(address, length, GuestMemoryOperation.Probe, out _);

    /// <summary>The bytes from an address to the end of its page, where pages are those of the backing, or to the end of its region, which may come before.</summary>
    internal ulong RestOfPage(ulong address) => Find(address) is { } region
        ? Math.Min(PageMath.RestOfPage(region.InBacking(address)), region.LengthFrom(address))
        : PageMath.RestOfPage(address);

    private static GuestMemoryRegion Describe(MemoryRegion region, int index) => new(new GuestRange(region.Start, region.Length), (uint)index, region.Protection)
    {
        Backing = region.Backing,
        BackingOffset = region.BackingOffset,
    };

    /// <summary>Lists the parts of this memory that another process can map, in the order of their addresses. Parts that cannot be shared are left out.</summary>
    /// <returns>A snapshot: a new list, empty where nothing can be shared.</returns>
    /// <exception cref="ObjectDisposedException">This memory or a backing has been disposed.</exception>
    public IReadOnlyList<ShareableRegion> GetShareableRegions()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var list = new List<ShareableRegion>();
        foreach (MemoryRegion region in Clipped)
        {
            ulong end = region.BackingOffset + region.Length;
            foreach (ShareableRegion part in region.Backing.GetShareableRegions())
            {
                ulong from = Math.Max(part.Start, region.BackingOffset);
                ulong to = Math.Min(part.Start + part.Length, end);
                if (from < to)
                {
                    list.Add(new ShareableRegion(
                        region.Start + (from - region.BackingOffset),
                        to - from,
                        part.Handle,
                        part.FileOffset + (from - part.Start),
                        part.Writable && region.CanWrite));
                }
            }
        }

        return list;
    }
}
