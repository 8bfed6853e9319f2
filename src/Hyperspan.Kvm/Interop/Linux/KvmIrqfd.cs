using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_irqfd</c>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct KvmIrqfd
{
    internal const uint Deassign = 1;
    internal const uint Resample = 2;

    internal int Descriptor;
    internal uint Gsi;
    internal uint Flags;
    internal int ResampleDescriptor;
}
