namespace Hyperspan.Kvm;

/// <summary>Why a processor came back from its guest.</summary>
public enum KvmExitKind
{
    /// <summary><see cref="VirtualProcessor.Interrupt"/> was called.</summary>
    Interrupted,

    /// <summary>It executed HLT, in a partition without an interrupt controller.</summary>
    Halt,

    /// <summary>It met a triple fault.</summary>
    Shutdown,

    /// <summary>The guest asked for something of the whole machine: see <see cref="KvmExit.SystemEvent"/>.</summary>
    SystemEvent,

    /// <summary>It accessed an address that no device answers, or whose device failed, in a partition that stops for that (<see cref="UnclaimedAccess.Stop"/>).</summary>
    Mmio,

    /// <summary>The same at a port.</summary>
    Port,

    /// <summary>The processor's hardware refused to enter the guest: its registers make no sense. See <see cref="KvmExit.Reason"/>.</summary>
    FailedEntry,

    /// <summary>The kernel could not go on: see <see cref="KvmExit.Reason"/>.</summary>
    InternalError,

    /// <summary>A page of the guest's memory is not there in this process: a hole in a sparse mapping, or past the end of a file that was truncated.</summary>
    MemoryFault,

    /// <summary>The processor's dirty ring is full: <see cref="KvmPartition.CollectDirty"/> empties it.</summary>
    DirtyRingFull,

    /// <summary>The kernel says something that is not known here: see <see cref="KvmExit.Reason"/>.</summary>
    Unknown,
}
