using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Windows;

/// <summary><c>MEMORY_BASIC_INFORMATION</c> on 64-bit systems: pages that are alike (VirtualQuery).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MemoryInformation
{
    internal byte* Start;
    internal byte* AllocationStart;
    internal PageProtection AllocationProtection;
    internal ushort Partition;
    internal nuint Length;
    internal uint State;
    internal PageProtection Protection;
    internal uint Type;
}
