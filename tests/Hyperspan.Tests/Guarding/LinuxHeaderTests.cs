using System.Reflection;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Guarding;

/// <summary>The constants and structures the guard relies on, compared with the C headers.</summary>
public class LinuxHeaderTests
{
    private static readonly string[] Includes =
    [
        "signal.h", "ucontext.h", "errno.h", "sys/mman.h", "sys/syscall.h", "sys/uio.h", "linux/futex.h",
    ];

    private static readonly string[] NamedAsInTheHeaders =
    [
        "SIGBUS", "SIGSEGV", "SIG_DFL", "SIG_IGN", "SA_SIGINFO", "SA_ONSTACK", "SA_RESETHAND",
        "SYS_rt_sigaction", "SYS_getpid", "SYS_gettid", "SYS_futex", "SYS_tgkill",
        "PROT_NONE", "PROT_READ", "PROT_WRITE", "PROT_EXEC", "MAP_SHARED", "MAP_PRIVATE", "MAP_FIXED", "MAP_ANONYMOUS",
        "MFD_CLOEXEC", "FUTEX_WAKE_OP", "FUTEX_PRIVATE_FLAG", "EFAULT",
    ];

    private static readonly Dictionary<string, string> Expressions = new(StringComparer.Ordinal)
    {
        [nameof(LinuxConstants.SigInfoCodeOffset)] = "offsetof(siginfo_t, si_code)",
        [nameof(LinuxConstants.SigInfoAddressOffset)] = "offsetof(siginfo_t, si_addr)",
        [nameof(LinuxConstants.ContextRdxOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RDX])",
        [nameof(LinuxConstants.ContextRaxOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RAX])",
        [nameof(LinuxConstants.ContextRipOffset)] = "offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP])",
        [nameof(LinuxConstants.KernelSignalSetSize)] = "_NSIG / 8",
        [nameof(LinuxConstants.FutexOpOrZero)] = "FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)",
    };

    [SkippableFact]
    public void Constants_have_the_values_of_the_headers()
    {
        var expressions = NamedAsInTheHeaders.ToDictionary(x => x, x => x, StringComparer.Ordinal);
        foreach ((var name, var expression) in Expressions)
        {
            expressions.Add(name, expression);
        }

        IReadOnlyDictionary<string, long> actual = CCompiler.Evaluate(Includes, expressions.Values);
        foreach ((var name, var expression) in expressions)
        {
            FieldInfo? field = typeof(LinuxConstants).GetField(name, BindingFlags.Static | BindingFlags.NonPublic);
            var value = Convert.ToInt64(field.ShouldNotBeNull(name).GetRawConstantValue());

            // The headers do not agree with each other on the signs of flags.
            ((int)value).ShouldBe((int)actual[expression], name);
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
