namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Memory without a mapping.</summary>
internal sealed class MethodsOnly : GuestMemoryBacking
{
    public override ulong Length => 0x1000;
}
