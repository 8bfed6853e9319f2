using Hyperspan.Snapshots;
using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <summary>What a <see cref="VirtualMachine"/> consists of.</summary>
public sealed class MachineOptions
{
    /// <summary>Gets the file with the program that it starts: see <see cref="KernelFormat"/>. Not read where a machine is restored.</summary>
    public string? KernelPath { get; init; }

    /// <summary>
    /// Gets a snapshot that <see cref="VirtualMachine.SaveAsync"/> made, for a machine that goes on from there, or <see langword="null"/>. It says how much memory and how many
    /// processors there are; <see cref="Devices"/> have to be those that the saved machine had. Its file is mapped, and its pages come as they are touched: it has to stay as it
    /// is, also once the snapshot has been disposed. What the machine writes does not reach it.
    /// </summary>
    public GuestMemorySnapshot? Restore { get; init; }

    /// <summary>Gets the file with the initial file system of a Linux kernel, if there is one.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>Gets the kernel's command line.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string CommandLine { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "";

    /// <summary>Gets the amount of memory in bytes: a multiple of 4096, 2 MiB or more. What the guest does not touch takes none of this machine's.</summary>
    public ulong MemorySize { get; init; } = 512UL << 20;

    /// <summary>Gets the number of processors, 1 to 255.</summary>
    public int ProcessorCount { get; init; } = 1;

    /// <summary>Gets the devices behind virtio-mmio, in the order in which the guest finds them; at most eighteen. They stay the caller's.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public IReadOnlyList<IVirtioDevice> Devices { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = [];

    /// <summary>
    /// Gets what is called when a device's queue fails, with the reason, on its thread or a processor's; and, once a second at most for each queue, when requests have failed
    /// because their buffers could not be accessed, after which the queue goes on. Of a driver that fails its queues again and again it is told some times, then once a second.
    /// Who wants the machine to end for it cancels its run: to dispose it here is to wait for the thread that one is called by.
    /// </summary>
    public Action<string>? OnDeviceFailure { get; init; }

    /// <summary>
    /// Gets how long requests of devices that are in flight are waited for: when the machine is paused, which fails then, or disposed, which leaves them to themselves, with their
    /// memory and the thread of their queue, until they return. The default is 30 seconds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public TimeSpan StopTimeout { get; init => field = Positive(value); } = DefaultStopTimeout;

    internal static TimeSpan DefaultStopTimeout => TimeSpan.FromSeconds(30);

    /// <summary>Gets the name used in errors and for threads.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "machine";

    internal static TimeSpan Positive(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
        return value;
    }
}
