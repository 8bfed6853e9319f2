namespace Hyperspan.Stubs;

/// <summary>
/// What the stubs know of the Linux x86-64 ABI, under the names that the C headers give it; offsets, which have no name there, are named after structure and
/// field. Tests compare all of it with the headers where a C compiler is present.
/// </summary>
internal static class LinuxAbi
{
    internal const int SIGBUS = 7;

    internal const int SYS_read = 0;
    internal const int SYS_poll = 7;
    internal const int SYS_rt_sigaction = 13;
    internal const int SYS_ioctl = 16;
    internal const int SYS_pwrite64 = 18;
    internal const int SYS_getpid = 39;
    internal const int SYS_gettid = 186;
    internal const int SYS_tgkill = 234;

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

    /// <summary>What stands before the abort handler of a restartable sequence in a process whose areas glibc registered.</summary>
    internal const uint RSEQ_SIG = 0x53053053;

    /// <summary>Offset of <c>struct rseq.cpu_id</c>.</summary>
    internal const int RseqCpuIdOffset = 4;

    /// <summary>Offset of <c>struct rseq.rseq_cs</c>, the last field that is used here.</summary>
    internal const int RseqDescriptorOffset = 8;

    /// <summary>Size of <c>struct rseq_cs</c>.</summary>
    internal const int RseqDescriptorSize = 32;

    /// <summary>Offset of <c>struct rseq_cs.start_ip</c>.</summary>
    internal const int RseqStartOffset = 8;

    /// <summary>Offset of <c>struct rseq_cs.abort_ip</c>.</summary>
    internal const int RseqAbortOffset = 24;
}
