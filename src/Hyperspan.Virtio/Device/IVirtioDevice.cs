namespace Hyperspan.Virtio;

/// <summary>A virtio device, as a transport (vhost-user, PCI, MMIO) drives it.</summary>
/// <remarks>All members are safe to use from several threads at once.</remarks>
public interface IVirtioDevice : IDisposable
{
    /// <summary>Gets what it is.</summary>
    VirtioDeviceType DeviceType { get; }

    /// <summary>Gets the feature bits that the device can do, its own and those of the ring, VIRTIO_F_VERSION_1 among them.</summary>
    ulong OfferedFeatures { get; }

    /// <summary>Gets the number of queues.</summary>
    int QueueCount { get; }

    /// <summary>Gets the largest size that a queue may have.</summary>
    ushort MaxQueueSize { get; }

    /// <summary>Gets the length of the configuration space in bytes.</summary>
    int ConfigLength { get; }

    /// <summary>Reads from the configuration space.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Receives the bytes; zeros for what lies past the end.</param>
    void ReadConfig(uint offset, Span<byte> destination);

    /// <summary>Writes to the configuration space.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether all of it is writable and the values are valid; otherwise nothing is changed.</returns>
    bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source);

    /// <summary>Puts the device's own state back to that of its start, for a new driver or because the driver reset it. No queue is served meanwhile.</summary>
    void Reset()
    {
    }

    /// <summary>Tells the device what the driver accepted, before a queue is served. May come again, with other features, while none is.</summary>
    /// <param name="acknowledgedFeatures">The features that the driver accepted.</param>
    void AcceptFeatures(ulong acknowledgedFeatures)
    {
    }

    /// <summary>Makes what serves one queue: its state and buffers.</summary>
    /// <param name="queueIndex">The queue, counted from zero.</param>
    /// <param name="acknowledgedFeatures">The features that the driver accepted.</param>
    /// <returns>The handler, used by one thread at a time. Disposing it leaves device and queue alone.</returns>
    IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures);
}
