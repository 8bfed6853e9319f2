namespace Hyperspan.Stubs.Arm64;

/// <summary>
/// What the stubs know of the Linux arm64 ABI, under the names that the C headers give it; offsets, which have no name there, are named after structure and field.
/// </summary>
internal static class LinuxArm64Abi
{
    internal const int SIGBUS = 7;

    internal const int SYS_ioctl = 29;
    internal const int SYS_read = 63;
    internal const int SYS_pwrite64 = 68;
    internal const int SYS_ppoll = 73;
    internal const int SYS_tgkill = 131;
    internal const int SYS_rt_sigaction = 134;
    internal const int SYS_getpid = 172;
    internal const int SYS_gettid = 178;

    /// <summary>Offset of <c>siginfo_t.si_code</c>; positive for signals the kernel raised itself.</summary>
    internal const int SigInfoCodeOffset = 8;

    /// <summary>Offset of <c>siginfo_t.si_addr</c>.</summary>
    internal const int SigInfoAddressOffset = 16;

    /// <summary>Offset of <c>ucontext_t.uc_mcontext.regs[0]</c>.</summary>
    internal const int ContextX0Offset = 184;

    /// <summary>Offset of <c>ucontext_t.uc_mcontext.pc</c>.</summary>
    internal const int ContextPcOffset = 440;

    /// <summary>Size of the signal mask in the kernel's own <c>struct sigaction</c>.</summary>
    internal const int KernelSignalSetSize = 8;

    /// <summary>What stands before the abort handler of a restartable sequence in a process whose areas glibc registered: <c>brk #0x45e0</c>.</summary>
    internal const uint RSEQ_SIG = 0xd428bc00;

    /// <summary>Offset of <c>struct rseq.cpu_id</c>.</summary>
    internal const int RseqCpuIdOffset = 4;

    /// <summary>Offset of <c>struct rseq.rseq_cs</c>, the last field that is used here.</summary>
    internal const int RseqDescriptorOffset = 8;

    /// <summary>Offset of <c>struct rseq_cs.start_ip</c>.</summary>
    internal const int RseqStartOffset = 8;

    /// <summary>Offset of <c>struct rseq_cs.abort_ip</c>.</summary>
    internal const int RseqAbortOffset = 24;
}
