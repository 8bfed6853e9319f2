namespace Hyperspan.Interop.Linux;

/// <summary>
/// Constants of the Linux x86-64 ABI, under the names that the C headers give them; what has no name there, as offsets in structures, is named as elsewhere
/// here. Tests compare all of them with the headers where a C compiler is present.
/// </summary>
internal static partial class LinuxConstants
{
    internal const int SIGBUS = 7;
    internal const int SIGSEGV = 11;

    internal const int SIG_DFL = 0;
    internal const int SIG_IGN = 1;

    internal const int SA_SIGINFO = 0x4;
    internal const int SA_ONSTACK = 0x08000000;
    internal const int SA_RESETHAND = unchecked((int)0x80000000);

    /// <summary>Offset of <c>siginfo_t.si_code</c>; positive for signals the kernel raised itself.</summary>
    internal const int SigInfoCodeOffset = 8;

    /// <summary>Offset of <c>siginfo_t.si_addr</c>.</summary>
    internal const int SigInfoAddressOffset = 16;

    /// <summary>Offset of <c>ucontext_t.uc_mcontext.gregs[REG_RDX]</c>.</summary>
    internal const int ContextRdxOffset = 136;

    /// <summary>Offset of <c>ucontext_t.uc_mcontext.gregs[REG_RAX]</c>.</summary>
    internal const int ContextRaxOffset = 144;

    /// <summary>Offset of <c>ucontext_t.uc_mcontext.gregs[REG_RIP]</c>.</summary>
    internal const int ContextRipOffset = 168;

    /// <summary>Size of the signal mask in the kernel's own <c>struct sigaction</c>.</summary>
    internal const int KernelSignalSetSize = 8;

    internal const int SYS_rt_sigaction = 13;
    internal const int SYS_getpid = 39;
    internal const int SYS_gettid = 186;
    internal const int SYS_futex = 202;
    internal const int SYS_tgkill = 234;
    internal const int SYS_userfaultfd = 323;
    internal const int SYS_membarrier = 324;

    /// <summary>The limit on open descriptors (getrlimit(2)).</summary>
    internal const int RLIMIT_NOFILE = 7;
}
