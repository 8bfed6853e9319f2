namespace Hyperspan.Kvm;

/// <summary>Where a device behind virtio-mmio lies.</summary>
/// <param name="Address">The address of its registers.</param>
/// <param name="Line">Its interrupt line.</param>
internal readonly record struct MmioDevicePlace(ulong Address, uint Line)
{
    internal const uint Length = 0x1000;
}
