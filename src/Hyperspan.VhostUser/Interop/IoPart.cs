using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser.Interop;

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoPart
{
    internal void* Start;
    internal ulong Length;
}
