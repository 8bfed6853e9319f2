using System.Reflection;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Hyperspan.Stubs;
using Hyperspan.Tests.Infrastructure;
using Hyperspan.UserFaults;

namespace Hyperspan.Tests.Guarding;

/// <summary>The constants and structures the guard relies on, compared with the C headers.</summary>
[Trait("Category", "slow")]
public class LinuxHeaderTests
{
    private static readonly string[] Includes =
    [
        "signal.h", "ucontext.h", "sys/syscall.h", "sys/uio.h", "linux/futex.h",
    ];

    private static readonly string[] NamedAsInTheHeaders =
    [
        "SIGBUS", "SIGSEGV", "SIG_DFL", "SIG_IGN", "SA_SIGINFO", "SA_ONSTACK", "SA_RESETHAND",
        "SYS_rt_sigaction", "SYS_getpid", "SYS_gettid", "SYS_futex", "SYS_tgkill", "SYS_membarrier", "SYS_userfaultfd", "SYS_newfstatat", "SYS_statx",
        "SYS_preadv2", "SYS_pwritev2", "SYS_read", "SYS_poll", "SYS_ioctl", "SYS_pwrite64",
        "FUTEX_WAKE_OP", "FUTEX_PRIVATE_FLAG",
    ];

    private static readonly Dictionary<string, string> Expressions = new(StringComparer.Ordinal)
    {
        [nameof(LinuxAbi.SigInfoCodeOffset)] = "offsetof(siginfo_t, si_code)",
        [nameof(LinuxAbi.SigInfoAddressOffset)] = "offsetof(siginfo_t, si_addr)",
        [nameof(LinuxAbi.ContextRdxOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RDX])",
        [nameof(LinuxAbi.ContextRaxOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RAX])",
        [nameof(LinuxAbi.ContextRipOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP])",
        [nameof(LinuxAbi.KernelSignalSetSize)] = "_NSIG / 8",
        [nameof(LinuxConstants.FutexOpOrZero)] = "FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)",
    };

    private static readonly Dictionary<string, string> RestartableExpressions = new(StringComparer.Ordinal)
    {
        [nameof(LinuxAbi.RSEQ_SIG)] = "RSEQ_SIG",
        [nameof(LinuxAbi.RseqCpuIdOffset)] = "offsetof(struct rseq, cpu_id)",
        [nameof(LinuxAbi.RseqDescriptorOffset)] = "offsetof(struct rseq, rseq_cs)",
        [nameof(LinuxAbi.RseqDescriptorSize)] = "sizeof(struct rseq_cs)",
        [nameof(LinuxAbi.RseqStartOffset)] = "offsetof(struct rseq_cs, start_ip)",
        [nameof(LinuxAbi.RseqAbortOffset)] = "offsetof(struct rseq_cs, abort_ip)",
        [nameof(LinuxConstants.MEMBARRIER_CMD_QUERY)] = "MEMBARRIER_CMD_QUERY",
        [nameof(LinuxConstants.MEMBARRIER_CMD_PRIVATE_EXPEDITED)] = "MEMBARRIER_CMD_PRIVATE_EXPEDITED",
        [nameof(LinuxConstants.MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)] = "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ",
        [nameof(LinuxConstants.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)] = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ",
    };

    /// <summary>Of userfaultfd(2) and <c>PAGEMAP_SCAN</c>, by the version of the kernel whose headers have them first.</summary>
    private static readonly Dictionary<string, string[]> UserFaultNames = new(StringComparer.Ordinal)
    {
        ["UFFD_API"] =
        [
            "UFFD_API", "UFFD_FEATURE_SIGBUS", "UFFD_FEATURE_PAGEFAULT_FLAG_WP", "UFFDIO_REGISTER_MODE_MISSING", "UFFDIO_REGISTER_MODE_WP", "UFFDIO_API", "UFFDIO_REGISTER",
            "UFFDIO_UNREGISTER", "UFFDIO_WAKE", "UFFDIO_COPY", "UFFDIO_ZEROPAGE", "UFFDIO_WRITEPROTECT", "UFFDIO_WRITEPROTECT_MODE_WP", "UFFD_EVENT_PAGEFAULT", "UFFD_EVENT_REMOVE",
            "UFFD_EVENT_UNMAP", "EINTR", "EIO", "EAGAIN", "EEXIST",
        ],
        ["UFFD_FEATURE_WP_HUGETLBFS_SHMEM"] = ["UFFD_FEATURE_WP_HUGETLBFS_SHMEM"],
        ["USERFAULTFD_IOC_NEW"] = ["USERFAULTFD_IOC_NEW"],
        ["UFFDIO_POISON"] = ["UFFDIO_POISON"],
        ["UFFD_FEATURE_WP_ASYNC"] = ["UFFD_FEATURE_WP_ASYNC"],
        ["PAGEMAP_SCAN"] = ["PAGEMAP_SCAN", "PM_SCAN_WP_MATCHING", "PM_SCAN_CHECK_WPASYNC", "PAGE_IS_WRITTEN"],
    };

    private static readonly Dictionary<string, string> UserFaultExpressions = new(StringComparer.Ordinal)
    {
        [nameof(UserFaultAbi.PageFaultFlagWpBit)] = "(UFFD_PAGEFAULT_FLAG_WP == 1 << 1)",
        [nameof(UserFaultAbi.MessageSize)] = "sizeof(struct uffd_msg)",
        [nameof(UserFaultAbi.MessageFlagsOffset)] = "offsetof(struct uffd_msg, arg.pagefault.flags)",
        [nameof(UserFaultAbi.MessageAddressOffset)] = "offsetof(struct uffd_msg, arg.pagefault.address)",
        [nameof(UserFaultAbi.PollReturnedOffset)] = "offsetof(struct pollfd, revents)",
        [nameof(UserFaultAbi.PollSize)] = "sizeof(struct pollfd)",
    };

    [SkippableTheory]
    [InlineData("UFFD_API")]
    [InlineData("UFFD_FEATURE_WP_HUGETLBFS_SHMEM")]
    [InlineData("USERFAULTFD_IOC_NEW")]
    [InlineData("UFFDIO_POISON")]
    [InlineData("UFFD_FEATURE_WP_ASYNC")]
    [InlineData("PAGEMAP_SCAN")]
    public void Constants_of_page_faults_have_the_values_of_the_headers(string first)
    {
        string[] includes = ["linux/userfaultfd.h", "linux/fs.h", "errno.h", "poll.h"];
        Dictionary<string, string> expressions = UserFaultNames[first].ToDictionary(x => x, x => x, StringComparer.Ordinal);
        if (first == "UFFD_API")
        {
            foreach ((string name, string expression) in UserFaultExpressions)
            {
                expressions.Add(name, expression);
            }
        }

        Skip.IfNot(CCompiler.Defines(includes, first), $"the headers are older than {first}");
        ShouldHaveTheValuesOf(expressions, includes);
    }

    [SkippableFact]
    public void Structures_of_page_faults_are_as_the_machine_code_has_them()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        (string Field, int Offset)[] state =
        [
            (nameof(KeeperState.Faults), KeeperLayout.FaultsOffset), (nameof(KeeperState.MemoryFile), KeeperLayout.MemoryFileOffset),
            (nameof(KeeperState.SpillFile), KeeperLayout.SpillFileOffset), (nameof(KeeperState.IsArmed), KeeperLayout.IsArmedOffset),
            (nameof(KeeperState.Error), KeeperLayout.ErrorOffset), (nameof(KeeperState.Step), KeeperLayout.FailedStepOffset),
            (nameof(KeeperState.Ranges), KeeperLayout.RangesOffset), (nameof(KeeperState.RangeCount), KeeperLayout.RangeCountOffset),
            (nameof(KeeperState.NextSlot), KeeperLayout.NextSlotOffset), (nameof(KeeperState.MemorySlots), KeeperLayout.MemorySlotsOffset),
            (nameof(KeeperState.FaultsPoll), KeeperLayout.PollOffset), (nameof(KeeperState.EndPoll), KeeperLayout.PollOffset + UserFaultAbi.PollSize),
            (nameof(KeeperState.Registered), KeeperLayout.RegisteredOffset),
        ];
        state.ShouldAllBe(entry => Offset<KeeperState>(entry.Field) == entry.Offset);
        KeeperLayout.RequestOffset.ShouldBe(KeeperLayout.PollOffset + (2 * UserFaultAbi.PollSize));
        Marshal.SizeOf<KeeperState>().ShouldBe(KeeperLayout.MessagesOffset + (UserFaultAbi.MessagesAtOnce * UserFaultAbi.MessageSize));
        (string Field, int Offset)[] range =
        [
            (nameof(KeptRange.Start), KeeperLayout.RangeStartOffset), (nameof(KeptRange.Length), KeeperLayout.RangeLengthOffset),
            (nameof(KeptRange.Shift), KeeperLayout.RangeShiftOffset), (nameof(KeptRange.Pages), KeeperLayout.RangePagesOffset),
        ];
        range.ShouldAllBe(entry => Offset<KeptRange>(entry.Field) == entry.Offset);
        Marshal.SizeOf<KeptRange>().ShouldBe(KeeperLayout.RangeSize);
        new[] { (int)KeeperStep.Arm, (int)KeeperStep.Serve, (int)KeeperStep.Keep, (int)KeeperStep.Lift }
            .ShouldBe([KeeperLayout.StepArm, KeeperLayout.StepServe, KeeperLayout.StepKeep, KeeperLayout.StepLift]);
    }

    [SkippableFact]
    public void Constants_have_the_values_of_the_headers()
    {
        var expressions = NamedAsInTheHeaders.ToDictionary(x => x, x => x, StringComparer.Ordinal);
        foreach ((var name, var expression) in Expressions)
        {
            expressions.Add(name, expression);
        }

        ShouldHaveTheValuesOf(expressions, Includes);
    }

    [SkippableFact]
    public void Constants_of_restartable_sequences_have_the_values_of_the_headers()
    {
        string[] includes = ["sys/rseq.h", "linux/membarrier.h"];
        Skip.IfNot(CCompiler.HasHeaders(includes), "glibc is older than 2.35");
        ShouldHaveTheValuesOf(RestartableExpressions, includes);
    }

    private static void ShouldHaveTheValuesOf(Dictionary<string, string> expressions, string[] includes)
    {
        IReadOnlyDictionary<string, long> actual = CCompiler.Evaluate(includes, expressions.Values);
        foreach ((var name, var expression) in expressions)
        {
            // A constant, or a property where processors differ.
            const BindingFlags any = BindingFlags.Static | BindingFlags.NonPublic;
            object[] ours = [.. new[] { typeof(LinuxConstants), typeof(LinuxAbi), typeof(UserFaultAbi) }
                .Select(type => type.GetField(name, any)?.GetRawConstantValue() ?? type.GetProperty(name, any)?.GetValue(null))
                .OfType<object>()];
            ours.ShouldNotBeEmpty(name);
            // The headers do not agree with each other on the signs of flags.
            ours.ShouldAllBe(value => unchecked((int)Convert.ToInt64(value)) == unchecked((int)actual[expression]), name);
        }
    }

    [SkippableFact]
    public void Structures_have_the_sizes_and_offsets_of_the_headers()
    {
        string[] expressions =
        [
            "sizeof(struct sigaction)", "offsetof(struct sigaction, sa_sigaction)", "offsetof(struct sigaction, sa_mask)",
            "offsetof(struct sigaction, sa_flags)", "offsetof(struct sigaction, sa_restorer)", "sizeof(struct iovec)",
            "offsetof(struct iovec, iov_base)", "offsetof(struct iovec, iov_len)",
        ];
        IReadOnlyDictionary<string, long> c = CCompiler.Evaluate(Includes, expressions);
        long[] ours =
        [
            Marshal.SizeOf<SignalAction>(), Offset<SignalAction>(nameof(SignalAction.Handler)), Offset<SignalAction>(nameof(SignalAction.Mask)),
            Offset<SignalAction>(nameof(SignalAction.Flags)), Offset<SignalAction>(nameof(SignalAction.Restorer)), Marshal.SizeOf<IoVector>(),
            Offset<IoVector>("<Address>k__BackingField"), Offset<IoVector>("<Length>k__BackingField"),
        ];
        ours.ShouldBe(expressions.Select(x => c[x]));
    }

    private static long Offset<T>(string field) => (long)Marshal.OffsetOf<T>(field);
}
