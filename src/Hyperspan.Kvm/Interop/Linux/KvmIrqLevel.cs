namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_irq_level</c>.</summary>
internal struct KvmIrqLevel
{
    internal uint Irq;
    internal uint Level;
}
