using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    internal int Descriptor;
    internal PollEvents Events;
    internal PollEvents Returned;
}
