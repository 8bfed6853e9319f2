using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>
/// The system calls the library makes, as libc offers them: each is declared once, under the name of its manual page. The flags and commands that a call
/// takes are enumerations; other numbers are in <see cref="LinuxConstants"/>, under the names of the C headers. Tests compare both with the headers.
/// </summary>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    internal static partial int SigAction(int signal, SignalAction* action, SignalAction* previous);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    internal static partial int GetProcessGroup();

    /// <summary>Changes which signals the calling thread holds back. A set is 128 bytes, one bit a signal, the lowest for signal 1.</summary>
    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    internal static partial int PthreadSigmask(int how, ulong* set, ulong* previous);
}
