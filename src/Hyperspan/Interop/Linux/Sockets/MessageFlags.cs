namespace Hyperspan.Interop.Linux;

/// <summary><c>MSG_…</c> (recvmsg(2), sendmsg(2)).</summary>
[Flags]
internal enum MessageFlags
{
    None = 0,
    ControlTruncated = 0x8,
    DontWait = 0x40,
    NoSignal = 0x4000,
    CloseOnExec = 0x4000_0000,
}
