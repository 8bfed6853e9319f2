using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>What this kernel's KVM can do.</summary>
public sealed record KvmCapabilities
{
    internal KvmCapabilities(SafeFileHandle handle)
    {
        MemorySlots = KvmCall.Check(handle, KvmCapability.NrMemslots);
        RecommendedProcessors = KvmCall.Check(handle, KvmCapability.NrVcpus);
        Processors = Math.Max(RecommendedProcessors, KvmCall.Check(handle, KvmCapability.MaxVcpus));
        ReadOnlyMemory = KvmCall.Check(handle, KvmCapability.ReadonlyMemory) != 0;
        ImmediateExit = KvmCall.Check(handle, KvmCapability.ImmediateExit) != 0;
        Doorbells = KvmCall.Check(handle, KvmCapability.IoEventfd) != 0;
        DoorbellsOfAnyLength = KvmCall.Check(handle, KvmCapability.IoEventfdAnyLength) != 0;
        Interrupts = KvmCall.Check(handle, KvmCapability.Irqfd) != 0;
        Messages = KvmCall.Check(handle, KvmCapability.SignalMsi) != 0;
        ManualDirtyProtection = (KvmCall.Check(handle, KvmCapability.ManualDirtyLogProtect2) & 1) != 0;
        int ring = Math.Max(KvmCall.Check(handle, KvmCapability.DirtyLogRingAcqRel), KvmCall.Check(handle, KvmCapability.DirtyLogRing));
        DirtyRingEntries = ring / DirtyRing.EntrySize;
        DeadlineTimer = KvmCall.Check(handle, KvmCapability.TscDeadlineTimer) != 0;
        ExtendedStateLength = Math.Max(4096, KvmCall.Check(handle, KvmCapability.Xsave2));
    }

    /// <summary>Gets the number of memory slots that a partition can have.</summary>
    public int MemorySlots { get; }

    /// <summary>Gets the number of processors that this machine is thought to carry.</summary>
    public int RecommendedProcessors { get; }

    /// <summary>Gets the number of processors that a partition can have.</summary>
    public int Processors { get; }

    /// <summary>Gets a value indicating whether slots can be read-only.</summary>
    public bool ReadOnlyMemory { get; }

    /// <summary>Gets a value indicating whether a processor can be interrupted before it starts, without which there is a race. All kernels since 4.13.</summary>
    public bool ImmediateExit { get; }

    /// <summary>Gets a value indicating whether there are doorbells (ioeventfd).</summary>
    public bool Doorbells { get; }

    /// <summary>Gets a value indicating whether a doorbell can be rung by writes of any length.</summary>
    public bool DoorbellsOfAnyLength { get; }

    /// <summary>Gets a value indicating whether an event can be an interrupt (irqfd).</summary>
    public bool Interrupts { get; }

    /// <summary>Gets a value indicating whether message-signaled interrupts can be sent.</summary>
    public bool Messages { get; }

    /// <summary>Gets a value indicating whether dirty bitmaps are cleared, and pages protected again, by a request of their own.</summary>
    public bool ManualDirtyProtection { get; }

    /// <summary>Gets the most entries that a dirty ring can have; zero where there is none.</summary>
    public int DirtyRingEntries { get; }

    /// <summary>Gets a value indicating whether the kernel's local APICs have a timer that goes off at a value of the time stamp counter.</summary>
    public bool DeadlineTimer { get; }

    /// <summary>Gets the length of a processor's extended state in bytes.</summary>
    public int ExtendedStateLength { get; }
}
