namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    internal const int SIGBUS = 7;
    internal const int SIGSEGV = 11;
    internal const int SIGTSTP = 20;
    internal const int SIGTTIN = 21;
    internal const int SIGXFSZ = 25;

    /// <summary>The real-time signals as libc leaves them to programs: it keeps two below.</summary>
    internal const int SIGRTMIN = 34;
    internal const int SIGRTMAX = 64;

    internal const int SIG_DFL = 0;
    internal const int SIG_IGN = 1;

    internal const int SIG_UNBLOCK = 1;

    internal const int SA_SIGINFO = 0x4;
    internal const int SA_ONSTACK = 0x08000000;
    internal const int SA_RESETHAND = unchecked((int)0x80000000);

    internal static int SYS_gettid => IsArm64 ? 178 : 186;
    internal static int SYS_futex => IsArm64 ? 98 : 202;
    internal static int SYS_tgkill => IsArm64 ? 131 : 234;
    internal static int SYS_userfaultfd => IsArm64 ? 282 : 323;
    internal static int SYS_membarrier => IsArm64 ? 283 : 324;

    /// <summary>In the auxiliary vector: which instructions the processor has (getauxval(3)); the bits of arm64.</summary>
    internal const nuint AT_HWCAP = 16;
    internal const nuint HWCAP_ATOMICS = 1 << 8;
    internal const nuint HWCAP_LRCPC = 1 << 15;

    /// <summary>The limit on open descriptors (getrlimit(2)).</summary>
    internal const int RLIMIT_NOFILE = 7;
}
