namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>What a test cannot do without.</summary>
internal static class Need
{
    private static readonly Lazy<string?> WhyNot = new(KvmPartition.WhyNot);

    /// <summary>Skips the test where no partition can be made.</summary>
    internal static void Kvm() => Skip.If(WhyNot.Value is not null, WhyNot.Value);
}
