using System.Reflection;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Hyperspan.Stubs;
using Hyperspan.Tests.Infrastructure;

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
        "SYS_preadv2", "SYS_pwritev2",
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
            object[] ours = [.. new[] { typeof(LinuxConstants), typeof(LinuxAbi) }
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
