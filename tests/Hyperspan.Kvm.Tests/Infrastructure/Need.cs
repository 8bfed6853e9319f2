using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>What a test cannot do without.</summary>
internal static class Need
{
    private static readonly Lazy<string?> WhyNot = new(KvmPartition.WhyNot);
    private static readonly Lazy<string?> WhyNotKernelCode = new(TryKernelCode);

    /// <summary>Skips the test where no partition can be made.</summary>
    internal static void Kvm() => Skip.If(WhyNot.Value is not null, WhyNot.Value);

    /// <summary>Skips the test where the kernel interprets what a guest runs in ring 0, and its interpreter lacks instructions that a guest's kernel has.</summary>
    internal static void KernelCode()
    {
        Kvm();
        Skip.If(WhyNotKernelCode.Value is not null, WhyNotKernelCode.Value);
    }

    private static string? TryKernelCode()
    {
        using var guest = new GuestProgram(a =>
        {
            a.pxor(xmm5, xmm5);
            a.paddq(xmm5, xmm5);
            a.hlt();
        });
        KvmExit exit = guest.Processor(ring: 0).Run();
        return exit.Kind == KvmExitKind.Halt ? null : $"this /dev/kvm interprets code in ring 0, and its interpreter has no vector instructions ({exit})";
    }
}
