using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>struct msghdr of 64-bit Linux (recvmsg(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SocketMessage
{
    internal void* Name;
    internal ulong NameLength;
    internal IoVector* Parts;
    internal ulong PartCount;
    internal byte* Control;
    internal ulong ControlLength;
    internal MessageFlags Flags;
}
