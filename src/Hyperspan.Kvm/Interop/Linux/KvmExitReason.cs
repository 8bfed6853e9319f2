namespace Hyperspan.Interop.Linux;

/// <summary><c>KVM_EXIT_…</c>: why a processor came back.</summary>
internal enum KvmExitReason : uint
{
    Unknown = 0,
    Exception = 1,
    Io = 2,
    Hypercall = 3,
    Debug = 4,
    Hlt = 5,
    Mmio = 6,
    IrqWindowOpen = 7,
    Shutdown = 8,
    FailEntry = 9,
    Intr = 10,
    InternalError = 17,
    SystemEvent = 24,
    IoapicEoi = 26,
    DirtyRingFull = 31,
    MemoryFault = 39,
}
