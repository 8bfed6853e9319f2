using Hyperspan.Devices;

namespace Hyperspan.Kvm;

/// <content>Memory that devices show to the guest.</content>
public sealed partial class KvmPartition : IMemoryMapper
{
    /// <inheritdoc/>
    /// <remarks>
    /// The region is a <see cref="SparseBacking"/>, and a memory slot while the guest sees it: what is mapped into it changes under running processors. An access to a page
    /// where nothing is mapped ends the run with <see cref="KvmExitKind.MemoryFault"/>; the next run tries it again. A store to a region that is not writable goes to
    /// <see cref="Memory"/>.
    /// </remarks>
    public (IMappableGuestMemory Guest, IMappedMemoryRegion Region) CreateRegion(ulong length, string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var region = new MappedRegion(length, name, (address, memory, writable) => Map(address, memory, readOnly: !writable));
        return (region, region);
    }
}
