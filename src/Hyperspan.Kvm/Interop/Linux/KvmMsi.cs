using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_msi</c>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct KvmMsi
{
    internal uint AddressLow;
    internal uint AddressHigh;
    internal uint Data;
}
