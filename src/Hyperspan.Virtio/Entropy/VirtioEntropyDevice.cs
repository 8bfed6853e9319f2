using System.Diagnostics;

namespace Hyperspan.Virtio;

/// <summary>An entropy device (virtio 1.2, section 5.4): gives a driver random bytes of the host's kernel. One queue, no configuration.</summary>
[DebuggerDisplay("device {DeviceType}, {QueueCount} queue")]
public sealed class VirtioEntropyDevice : IVirtioDevice
{
    /// <inheritdoc/>
    public VirtioDeviceType DeviceType => VirtioDeviceType.Entropy;

    /// <inheritdoc/>
    public ulong OfferedFeatures => VirtioFeatures.EveryQueue | VirtioFeatures.InOrder;

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public ushort MaxQueueSize => 1024;

    /// <inheritdoc/>
    public int ConfigLength => 0;

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> destination) => destination.Clear();

    /// <inheritdoc/>
    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures) => new EntropyQueueHandler();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
