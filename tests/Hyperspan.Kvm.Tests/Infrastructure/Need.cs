namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>What a test cannot do without.</summary>
internal static class Need
{
    private static readonly Lazy<string?> WhyNot = new(KvmPartition.WhyNot);
    private static readonly Lazy<string?> WhyNoKernels = new(KvmPartition.WhyNoKernels);

    /// <summary>Skips the test where no partition can be made.</summary>
    internal static void Kvm() => Skip.If(WhyNot.Value is not null, WhyNot.Value);

    /// <summary>Skips the test where KVM interprets what runs in ring 0, by an interpreter that lacks instructions.</summary>
    internal static void Kernels()
    {
        Kvm();
        Skip.If(WhyNoKernels.Value is not null, WhyNoKernels.Value);
    }
}
