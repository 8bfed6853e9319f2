using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_irq_routing_entry</c>, for pins of interrupt controllers and for messages.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct KvmIrqRoutingEntry
{
    internal const uint TypeIrqchip = 1;
    internal const uint TypeMsi = 2;

    [FieldOffset(0)]
    internal uint Gsi;

    [FieldOffset(4)]
    internal uint Type;

    [FieldOffset(16)]
    internal uint Irqchip;

    [FieldOffset(20)]
    internal uint Pin;

    [FieldOffset(16)]
    internal uint AddressLow;

    [FieldOffset(20)]
    internal uint AddressHigh;

    [FieldOffset(24)]
    internal uint Data;
}
