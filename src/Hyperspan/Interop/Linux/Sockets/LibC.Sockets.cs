using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <content>Sockets that carry descriptors, events, and waiting for them.</content>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int Socketpair(int family, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint Recvmsg(SafeHandle socket, SocketMessage* message, MessageFlags flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    internal static partial nint Sendmsg(SafeHandle socket, SocketMessage* message, MessageFlags flags);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int Eventfd(uint initial, OpenFlags flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollEntry* entries, nuint count, int timeoutMilliseconds);
}
