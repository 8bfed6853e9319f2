using Hyperspan.Devices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Doorbells that the kernel rings.</content>
public sealed unsafe partial class KvmPartition : IDoorbellRegistration
{
    /// <inheritdoc/>
    /// <remarks>
    /// Where the event has an eventfd behind it (<see cref="EventFile"/>, <see cref="DoorbellEvent.EventFileDescriptor"/>), the kernel signals it and the processor stays
    /// in the guest; else the processor leaves the guest and <see cref="DoorbellEvent.Signal"/> is called. So it does for a value without a length, which is for writes of any
    /// length: the kernel compares with one length only.
    /// </remarks>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public IDisposable RegisterDoorbell(GuestAddress address, ulong? value, uint? length, DoorbellEvent doorbell) =>
        Register(Memory, port: false, address, value, length, doorbell);

    /// <summary>Registers a doorbell in the space of ports; see <see cref="RegisterDoorbell"/>.</summary>
    /// <param name="port">The port.</param>
    /// <param name="value">The value whose write rings; <see langword="null"/> for any.</param>
    /// <param name="length">The length in bytes of the writes that ring, 1, 2 or 4; <see langword="null"/> for any.</param>
    /// <param name="doorbell">What is signaled.</param>
    /// <returns>The registration; disposing it, or the partition, removes the doorbell.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is none of those, or <paramref name="value"/> does not fit it.</exception>
    /// <exception cref="InvalidOperationException">There is a doorbell already that some of the same writes would ring.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public IDisposable RegisterPortDoorbell(ushort port, ulong? value, uint? length, DoorbellEvent doorbell)
    {
        if (length == 8)
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "Ports are written 1, 2 or 4 bytes at a time.");
        }

        return Register(Ports, port: true, port, value, length, doorbell);
    }

    private Registration Register(DeviceAddressSpace space, bool port, GuestAddress address, ulong? value, uint? length, DoorbellEvent doorbell)
    {
        // The space checks, refuses what collides, and rings what the kernel leaves to it.
        IDisposable registered = space.RegisterDoorbell(address, value, length, doorbell);

        // The kernel compares a value with one length only; without one the space compares.
        bool inKernel = doorbell.EventFileDescriptor is not null && (length is not null || (value is null && Capabilities.DoorbellsOfAnyLength));
        if (!inKernel || !Capabilities.Doorbells)
        {
            return Keep(registered.Dispose);
        }

        uint flags = (value is null ? 0 : KvmIoEventfd.DataMatch) | (port ? KvmIoEventfd.PortIo : 0);
        void Set(int descriptor, uint how, string operation)
        {
            var request = new KvmIoEventfd { Value = value ?? 0, Address = address.Value, Length = length ?? 0, Descriptor = descriptor, Flags = how };
            Request(KvmRequest.IoEventfd, &request, operation);
        }

        return Hold(
            doorbell.EventFileDescriptor!,
            descriptor => Set(descriptor, flags, $"KVM_IOEVENTFD at {address}"),
            descriptor => Set(descriptor, flags | KvmIoEventfd.Deassign, "KVM_IOEVENTFD"),
            registered.Dispose);
    }
}
