using Hyperspan.Guarding;

namespace Hyperspan;

/// <content>Probes: can memory be read or written?</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Checks that every page of a range can be accessed.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <exception cref="GuestMemoryException">Not all of it could be accessed at that moment.</exception>
    public void Probe(GuestAddress address, ulong length, AccessType access)
    {
        if (!TryProbe(address, length, access, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>Checks that whole pages, named by number, can be accessed.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <exception cref="GuestMemoryException">Not all of them could be accessed at that moment.</exception>
    public void ProbePages(ReadOnlySpan<ulong> pageNumbers, AccessType access)
    {
        if (!TryProbePages(pageNumbers, access, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

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
    public bool TryProbeReadable(GuestAddress address, out GuestMemoryFault fault) => TryProbe(address.Value, 1, AccessType.Read, out fault);

    /// <summary>Checks that a byte can be written, without changing it.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="fault">Why it cannot be written.</param>
    /// <returns>Whether it could be written at that moment.</returns>
    public bool TryProbeWritable(GuestAddress address, out GuestMemoryFault fault) => TryProbe(address.Value, 1, AccessType.Write, out fault);

    /// <summary>Checks that every page of a range can be accessed. Neither throws nor allocates.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <param name="fault">Why not all of it can be accessed, with the lowest address that cannot.</param>
    /// <returns>Whether all of it could be accessed at that moment.</returns>
    public bool TryProbe(GuestAddress address, ulong length, AccessType access, out GuestMemoryFault fault) =>
        TryProbe(address.Value, length, access, out fault);

    /// <summary>Checks that whole pages, named by number, can be accessed.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">Whether to probe for reading or for writing; memory is not changed.</param>
    /// <param name="fault">Why not all of them can be accessed.</param>
    /// <returns>Whether all of them could be accessed at that moment.</returns>
    public bool TryProbePages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out GuestMemoryFault fault)
    {
        for (int index = 0; index < pageNumbers.Length; index++)
        {
            if (!TryPageAddress(pageNumbers[index], index, GuestMemoryOperation.Probe, out ulong address, out fault))
            {
                return false;
            }

            if (!TryProbe(address, 1, access, out fault))
            {
                fault = fault.WithoutRange(GuestMemoryOperation.Probe);
                return false;
            }
        }

        fault = default;
        return true;
    }

    private bool TryProbe(ulong address, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        if (!CheckRange(address, length, GuestMemoryOperation.Probe, out fault))
        {
            return false;
        }

        int pages = 0;
        for (ulong done = 0; done < length;)
        {
            if (++pages % Guard.PagesAtOnce == 0)
            {
                Guard.LetCollect();
            }

            ulong at = address + done;
            bool accessible;
            if (access == AccessType.Read)
            {
                LoadOperation<byte> load = default;
                accessible = SlowPath.Access(this, at, 1, ref load, GuestMemoryOperation.Probe, out fault);
            }
            else
            {
                // Exchanges nothing, but is a write to the page. As in the source document.
                var exchange = new CompareExchangeOperation<byte>(0, 0);
                accessible = SlowPath.Access(this, at, 1, ref exchange, GuestMemoryOperation.Probe, out fault);
            }

            if (!accessible)
            {
                fault = fault.As(GuestMemoryOperation.Probe, address, length);
                return false;
            }

            done += PageRemainder(at);
        }

        return true;
    }

    /// <summary>The bytes from an address to the end of its page, where pages are those of the backing.</summary>
    private ulong PageRemainder(ulong address)
    {
        ulong inBacking = Find(address) is { } region ? region.InBacking(address) : address;
        return PageMath.RestOfPage(inBacking);
    }

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
