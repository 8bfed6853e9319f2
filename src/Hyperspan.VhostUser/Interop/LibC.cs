using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>The system calls of this library: sockets with descriptors, event descriptors, waiting. Linux, x86-64 and arm64 layouts.</summary>
internal static unsafe partial class LibC
{
    internal const int Interrupted = 4;
    internal const int WouldBlock = 11;
    internal const int BrokenPipe = 32;
    internal const int ConnectionReset = 104;

    internal const int MessageDontWait = 0x40;
    internal const int MessageNoSignal = 0x4000;
    internal const int MessageCloseOnExec = 0x4000_0000;
    internal const int MessageControlTruncated = 0x8;

    internal const int SocketLevel = 1;
    internal const int Rights = 1;

    internal const short PollIn = 0x1;
    internal const short PollOut = 0x4;
    internal const short PollError = 0x8;
    internal const short PollHangUp = 0x10;
    internal const short PollInvalid = 0x20;

    internal const int GetStatusFlags = 3;
    internal const int SetStatusFlags = 4;
    internal const nint NonBlocking = 0x800;

    internal const int EventCloseOnExec = 0x8_0000;
    internal const int EventNonBlocking = 0x800;

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(SafeHandle socket, SocketMessage* message, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    internal static partial nint SendMessage(SafeHandle socket, SocketMessage* message, int flags);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int CreateSocketPair(int family, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollEntry* entries, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int CreateEvent(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(SafeFileHandle file, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(SafeFileHandle file, void* buffer, nuint count);

    // Variadic in C; with one word behind the command that makes no difference on the architectures supported.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    internal static partial int GetFileStatus(int directory, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "readlink", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    internal static partial nint ReadLink(string path, byte* buffer, nuint count);
}
