using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_enable_cap</c>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 104)]
internal struct KvmEnableCapability
{
    internal uint Capability;
    internal uint Flags;
    internal ulong Argument0;
}
