using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>The system calls the library makes, as libc offers them.</summary>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    internal static partial int SigAction(int signal, SignalAction* action, SignalAction* previous);

    [LibraryImport("libc", EntryPoint = "getpid")]
    internal static partial int GetPid();
}
