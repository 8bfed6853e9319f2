namespace Hyperspan;

/// <content>Probes: can memory be read or written?</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Checks that every page of a range can be accessed.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <exception cref="GuestMemoryException">Not all of it could be accessed at that moment.</exception>
    public void Probe(GuestAddress address, ulong length, AccessType access) => Require(TryProbe(address, length, access, out GuestMemoryFault fault), fault);

    /// <summary>Checks that whole pages, named by number, can be accessed.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <exception cref="GuestMemoryException">Not all of them could be accessed at that moment.</exception>
    public void ProbePages(ReadOnlySpan<ulong> pageNumbers, AccessType access) =>
        Require(TryProbePages(pageNumbers, access, out GuestMemoryFault fault), fault);

    /// <summary>Checks that a byte can be read, as a read of it would: through faults, handlers and bitmaps.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <exception cref="GuestMemoryException">It could not be read at that moment.</exception>
    public void ProbeReadable(GuestAddress address) => Probe(address, 1, AccessType.Read);

    /// <summary>Checks that a byte can be written, without changing it.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <exception cref="GuestMemoryException">It could not be written at that moment.</exception>
    public void ProbeWritable(GuestAddress address) => Probe(address, 1, AccessType.Write);

    /// <summary>Checks that a byte can be read, as a read of it would, and says why where it cannot.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="fault">Why it cannot be read.</param>
    /// <returns>Whether it could be read at that moment.</returns>
    public bool TryProbeReadable(GuestAddress address, out GuestMemoryFault fault) => ProbePath.TryProbe(this, address.Value, 1, AccessType.Read, out fault);

    /// <summary>Checks that a byte can be written, without changing it.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="fault">Why it cannot be written.</param>
    /// <returns>Whether it could be written at that moment.</returns>
    public bool TryProbeWritable(GuestAddress address, out GuestMemoryFault fault) => ProbePath.TryProbe(this, address.Value, 1, AccessType.Write, out fault);

    /// <summary>Checks that every page of a range can be accessed. Neither throws nor allocates.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <param name="fault">Why not all of it can be accessed, with the lowest address that cannot.</param>
    /// <returns>Whether all of it could be accessed at that moment.</returns>
    public bool TryProbe(GuestAddress address, ulong length, AccessType access, out GuestMemoryFault fault) =>
        ProbePath.TryProbe(this, address.Value, length, access, out fault);

    /// <summary>Checks that whole pages, named by number, can be accessed.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <param name="fault">Why not all of them can be accessed.</param>
    /// <returns>Whether all of them could be accessed at that moment.</returns>
    public bool TryProbePages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out GuestMemoryFault fault) =>
        ProbePath.TryProbePages(this, pageNumbers, access, out fault);

    internal bool TryPageAddress(ulong pageNumber, int index, GuestMemoryOperation name, out ulong address, out GuestMemoryFault fault)
    {
        if (GuestAddress.TryFromPageNumber(pageNumber, out GuestAddress start))
        {
            address = start.Value;
            fault = default;
            return true;
        }

        address = 0;
        fault = GuestMemoryFault.OfPageNumber(Name, name, pageNumber, index);
        return false;
    }
}
