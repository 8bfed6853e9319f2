namespace Hyperspan.Devices;

/// <summary>The guest's side of a region of memory: where the guest sees it.</summary>
/// <remarks>
/// All methods may be called from any thread. Disposing unmaps the region from the guest and releases it; what the device's side
/// is asked for afterwards fails with <see cref="ObjectDisposedException"/>. Idempotent.
/// </remarks>
public interface IMappableGuestMemory : IDisposable
{
    /// <summary>Shows the region to the guest.</summary>
    /// <param name="address">The guest-physical address of its first byte. A partition on a hypervisor wants a multiple of 4096.</param>
    /// <param name="writable">
    /// Whether the guest can write to it. Where not, a write of the guest changes nothing in the region and goes to the handler of memory-mapped I/O at
    /// the address, as a write to a device register does.
    /// </param>
    /// <exception cref="ArgumentException">The region would reach past the end of the address space, or <paramref name="address"/> is misaligned.</exception>
    /// <exception cref="InvalidOperationException">The region is mapped already, or would overlap other memory; the message names it.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed.</exception>
    /// <remarks>Memory hides device handlers at the same addresses. When the method has returned, every access that starts afterwards sees the region.</remarks>
    void MapToGuest(GuestAddress address, bool writable);

    /// <summary>Takes the region out of the guest's sight. Does nothing where it is not mapped.</summary>
    /// <exception cref="InvalidOperationException">A page is pinned, for a partition on a hypervisor. It stays mapped; disposing fails in the same way.</exception>
    /// <remarks>When the method has returned, no access that starts afterwards sees the region; one under way may.</remarks>
    void UnmapFromGuest();
}
