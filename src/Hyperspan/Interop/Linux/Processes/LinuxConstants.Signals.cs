namespace Hyperspan.Interop.Linux;

/// <summary>
/// Constants of the Linux x86-64 ABI, under the names that the C headers give them; what has no name there, as offsets in structures, is named as elsewhere
/// here. Tests compare all of them with the headers where a C compiler is present.
/// </summary>
internal static partial class LinuxConstants
{
    internal const int SIGBUS = 7;
    internal const int SIGSEGV = 11;

    /// <summary>The real-time signals as libc leaves them to programs: it keeps two below.</summary>
    internal const int SIGRTMIN = 34;
    internal const int SIGRTMAX = 64;

    internal const int SIG_DFL = 0;
    internal const int SIG_IGN = 1;

    internal const int SIG_UNBLOCK = 1;

    internal const int SA_SIGINFO = 0x4;
    internal const int SA_ONSTACK = 0x08000000;
    internal const int SA_RESETHAND = unchecked((int)0x80000000);

    internal const int SYS_gettid = 186;
    internal const int SYS_futex = 202;
    internal const int SYS_tgkill = 234;
    internal const int SYS_userfaultfd = 323;
    internal const int SYS_membarrier = 324;

    /// <summary>The limit on open descriptors (getrlimit(2)).</summary>
    internal const int RLIMIT_NOFILE = 7;
}
