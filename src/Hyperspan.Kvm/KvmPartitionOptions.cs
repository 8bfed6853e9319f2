namespace Hyperspan.Kvm;

/// <summary>How a <see cref="KvmPartition"/> is made.</summary>
public sealed class KvmPartitionOptions
{
    /// <summary>Gets the name used in errors and for threads.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "partition";

    /// <summary>
    /// Gets a value indicating whether the kernel emulates the two 8259, the I/O APIC and a local APIC for each processor. Without them a processor that halts comes back
    /// (<see cref="KvmExitKind.Halt"/>), and there are no interrupts.
    /// </summary>
    public bool InterruptController { get; init; }

    /// <summary>Gets a value indicating whether the kernel emulates the 8254 timer, with port 0x61. It needs the interrupt controller.</summary>
    public bool IntervalTimer { get; init; }

    /// <summary>Gets what happens at an access that no device answers.</summary>
    public UnclaimedAccess Unclaimed { get; init; }

    /// <summary>
    /// Gets the number of entries of each processor's dirty ring, a power of two, or zero for dirty bitmaps. With a ring there are no bitmaps: see
    /// <see cref="KvmPartition.CollectDirty"/>.
    /// </summary>
    public int DirtyRingSize { get; init; }

    internal static KvmPartitionOptions Default { get; } = new();
}
