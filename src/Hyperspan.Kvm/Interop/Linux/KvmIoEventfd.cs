using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_ioeventfd</c>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct KvmIoEventfd
{
    internal const uint DataMatch = 1;
    internal const uint PortIo = 2;
    internal const uint Deassign = 4;

    internal ulong Value;
    internal ulong Address;
    internal uint Length;
    internal int Descriptor;
    internal uint Flags;
}
