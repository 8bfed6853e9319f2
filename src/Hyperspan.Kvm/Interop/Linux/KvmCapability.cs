namespace Hyperspan.Interop.Linux;

/// <summary><c>KVM_CAP_…</c>: what KVM_CHECK_EXTENSION answers about.</summary>
internal enum KvmCapability
{
    NrVcpus = 9,
    NrMemslots = 10,
    Irqfd = 32,
    Pit2 = 33,
    IoEventfd = 36,
    AdjustClock = 39,
    Xcrs = 56,
    MaxVcpus = 66,
    TscDeadlineTimer = 72,
    SignalMsi = 77,
    ReadonlyMemory = 81,
    IoEventfdNoLength = 100,
    IoEventfdAnyLength = 122,
    MaxVcpuId = 128,
    ImmediateExit = 136,
    ManualDirtyLogProtect2 = 168,
    DirtyLogRing = 192,
    Xsave2 = 208,
    DirtyLogRingAcqRel = 223,
}
