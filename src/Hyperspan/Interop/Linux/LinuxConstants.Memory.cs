namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    /// <summary>Names a range of addresses; what is named, and how (prctl(2)).</summary>
    internal const int PR_SET_VMA = 0x53564d41;
    internal const int PR_SET_VMA_ANON_NAME = 0;

    /// <summary>Atomic read-modify-write of the second word, then a conditional wake.</summary>
    internal const int FUTEX_WAKE_OP = 5;
    internal const int FUTEX_PRIVATE_FLAG = 128;

    /// <summary>
    /// The operand of <c>FUTEX_WAKE_OP</c> that ORs zero into the second word: <c>FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ,
    /// 0)</c>.
    /// </summary>
    internal const int FutexOpOrZero = 2 << 28;

    /// <summary>Asks which commands there are.</summary>
    internal const int MEMBARRIER_CMD_QUERY = 0;
    internal const int MEMBARRIER_CMD_PRIVATE_EXPEDITED = 1 << 3;
    internal const int MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 1 << 7;
    internal const int MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 1 << 8;

    /// <summary>
    /// What stands before an abort handler of a restartable sequence in a process whose areas glibc registered.
    /// </summary>
    internal const uint RSEQ_SIG = 0x53053053;

    /// <summary>Offset of <c>struct rseq.cpu_id</c>.</summary>
    internal const int RseqCpuIdOffset = 4;

    /// <summary>Offset of <c>struct rseq.rseq_cs</c>.</summary>
    internal const int RseqDescriptorOffset = 8;

    /// <summary>Size of <c>struct rseq_cs</c>, and the offsets of its addresses.</summary>
    internal const int RseqDescriptorSize = 32;
    internal const int RseqStartOffset = 8;
    internal const int RseqAbortOffset = 24;
}
