namespace Hyperspan.Kvm;

/// <summary>The registers of virtio over memory-mapped I/O, by their offsets (virtio 1.2, section 4.2.2).</summary>
internal static class VirtioMmioRegister
{
    internal const int MagicValue = 0x000;
    internal const int Version = 0x004;
    internal const int DeviceId = 0x008;
    internal const int VendorId = 0x00c;
    internal const int DeviceFeatures = 0x010;
    internal const int DeviceFeaturesSelect = 0x014;
    internal const int DriverFeatures = 0x020;
    internal const int DriverFeaturesSelect = 0x024;
    internal const int QueueSelect = 0x030;
    internal const int QueueSizeMax = 0x034;
    internal const int QueueSize = 0x038;
    internal const int QueueReady = 0x044;
    internal const int QueueNotify = 0x050;
    internal const int InterruptStatus = 0x060;
    internal const int InterruptAcknowledge = 0x064;
    internal const int Status = 0x070;
    internal const int QueueDescriptorsLow = 0x080;
    internal const int QueueDescriptorsHigh = 0x084;
    internal const int QueueDriverLow = 0x090;
    internal const int QueueDriverHigh = 0x094;
    internal const int QueueDeviceLow = 0x0a0;
    internal const int QueueDeviceHigh = 0x0a4;
    internal const int SharedMemoryLengthLow = 0x0b0;
    internal const int SharedMemoryBaseHigh = 0x0bc;
    internal const int QueueReset = 0x0c0;
    internal const int ConfigGeneration = 0x0fc;
    internal const int Config = 0x100;
}
