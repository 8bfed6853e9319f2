using Hyperspan.Virtio;

namespace Hyperspan.Samples;

/// <summary>What the driver is told (virtio 1.2, section 5.4): one queue, no configuration.</summary>
internal sealed class EntropyDevice : IVirtioDevice
{
    public VirtioDeviceType DeviceType => VirtioDeviceType.Entropy;

    public ulong OfferedFeatures => VirtioFeatures.EveryQueue;

    public int QueueCount => 1;

    public ushort MaxQueueSize => 256;

    public int ConfigLength => 0;

    public void ReadConfig(uint offset, Span<byte> destination) => destination.Clear();

    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source) => false;

    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures) => new EntropyQueue();

    public void Dispose()
    {
    }
}
