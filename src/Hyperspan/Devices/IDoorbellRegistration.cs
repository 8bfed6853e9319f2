namespace Hyperspan.Devices;

/// <summary>Lets a device be told of writes to an address without handling them: a doorbell, which a hypervisor can ring without leaving the kernel.</summary>
/// <remarks>Implemented by a partition (on KVM by an ioeventfd). May be called from any thread.</remarks>
public interface IDoorbellRegistration
{
    /// <summary>Registers a doorbell.</summary>
    /// <param name="address">The guest-physical address. Only writes that start exactly there ring.</param>
    /// <param name="value">The value whose write rings, little-endian; <see langword="null"/> for any.</param>
    /// <param name="length">The length in bytes of the writes that ring, 1, 2, 4 or 8; <see langword="null"/> for any.</param>
    /// <param name="doorbell">What is signaled.</param>
    /// <returns>The registration; disposing it, from any thread and any number of times, removes the doorbell. A write under way may still ring it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is none of the four, or <paramref name="value"/> does not fit it.</exception>
    /// <exception cref="InvalidOperationException">There is a doorbell already that some of the same writes would ring.</exception>
    /// <remarks>
    /// A write that rings is consumed: the handler at the address does not see it. Doorbells are for device addresses: writes that reach
    /// memory do not ring. Reads never do.
    /// </remarks>
    IDisposable RegisterDoorbell(GuestAddress address, ulong? value, uint? length, DoorbellEvent doorbell);
}
