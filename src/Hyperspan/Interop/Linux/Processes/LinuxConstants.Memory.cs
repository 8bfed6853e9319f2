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

    /// <summary>The version of userfaultfd(2) that is spoken.</summary>
    internal const ulong UFFD_API = 0xAA;

    /// <summary>A missing page answers an access by SIGBUS.</summary>
    internal const ulong UFFD_FEATURE_SIGBUS = 1 << 7;

    /// <summary>A write to a protected page is a fault that is told.</summary>
    internal const ulong UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0;
    internal const ulong UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;

    /// <summary>A write to a protected page lifts the protection and goes on (Linux 6.7).</summary>
    internal const ulong UFFD_FEATURE_WP_ASYNC = 1 << 15;
    internal const ulong UFFDIO_REGISTER_MODE_MISSING = 1;
    internal const ulong UFFDIO_REGISTER_MODE_WP = 2;
    internal const uint UFFDIO_API = 0xC018AA3F;
    internal const uint UFFDIO_REGISTER = 0xC020AA00;
    internal const uint UFFDIO_COPY = 0xC028AA03;
    internal const uint UFFDIO_WAKE = 0x8010AA02;
    internal const uint UFFDIO_ZEROPAGE = 0xC020AA04;
    internal const uint UFFDIO_WRITEPROTECT = 0xC018AA06;
    internal const uint UFFDIO_POISON = 0xC020AA08;

    /// <summary>Makes a userfaultfd, asked of <c>/dev/userfaultfd</c>.</summary>
    internal const uint USERFAULTFD_IOC_NEW = 0xAA00;
    internal const byte UFFD_EVENT_PAGEFAULT = 0x12;
    internal const byte UFFD_EVENT_FORK = 0x13;
    internal const byte UFFD_EVENT_REMOVE = 0x15;
    internal const byte UFFD_EVENT_UNMAP = 0x16;

    /// <summary>Lists pages of this process by what they are, through <c>/proc/self/pagemap</c> (Linux 6.7).</summary>
    internal const uint PAGEMAP_SCAN = 0xC0606610;

    /// <summary>Protects the pages that are listed, each in one step with its listing.</summary>
    internal const ulong PM_SCAN_WP_MATCHING = 1;

    /// <summary>Fails with EPERM where writes do not lift the protection.</summary>
    internal const ulong PM_SCAN_CHECK_WPASYNC = 2;
    internal const ulong PAGE_IS_WRITTEN = 2;
}
