using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser;

/// <summary>The payload of GET_INFLIGHT_FD and SET_INFLIGHT_FD.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InflightDescription
{
    internal ulong Length;
    internal ulong Offset;
    internal ushort QueueCount;
    internal ushort QueueSize;

    // The C structure's own padding, where it is sent.
    internal uint Padding;
}
