using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser;

/// <summary>The header of every message: twelve bytes in the machine's byte order (vhost-user, "Header").</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MessageHeader
{
    internal const int Length = 12;
    internal const uint Version = 0x1;
    internal const uint ReplyFlag = 0x4;
    internal const uint NeedReplyFlag = 0x8;

    internal VhostUserMessage Request;
    internal uint Flags;
    internal uint PayloadLength;

    internal readonly bool NeedsReply => (Flags & NeedReplyFlag) != 0;
}
