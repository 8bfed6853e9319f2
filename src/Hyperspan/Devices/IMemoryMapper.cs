namespace Hyperspan.Devices;

/// <summary>Makes regions of memory that a device can show to the guest, at an address that the guest chooses: video memory, a BAR with real memory behind it.</summary>
/// <remarks>Implemented by a partition. All methods may be called from any thread.</remarks>
public interface IMemoryMapper
{
    /// <summary>Makes a region in which nothing is mapped yet, and which the guest does not see yet.</summary>
    /// <param name="length">The length in bytes, a multiple of 4096, not zero.</param>
    /// <param name="name">The name used in errors.</param>
    /// <returns>
    /// The two sides of the region. The guest's side decides where the guest sees it, and owns the region: disposing it takes the region away. The device's side decides
    /// what is in it.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is zero, no multiple of 4096 or more than can be mapped.</exception>
    /// <exception cref="IOException">The system refused.</exception>
    (IMappableGuestMemory Guest, IMappedMemoryRegion Region) CreateRegion(ulong length, string name);
}
