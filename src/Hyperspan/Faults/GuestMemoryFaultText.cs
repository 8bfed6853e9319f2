namespace Hyperspan;

/// <summary>The words for faults; kept apart from the value that hot code returns.</summary>
internal static class GuestMemoryFaultText
{
    internal static string Name(GuestMemoryOperation operation) => operation switch
    {
        GuestMemoryOperation.Read => "read",
        GuestMemoryOperation.Write => "write",
        GuestMemoryOperation.Fill => "fill",
        GuestMemoryOperation.CompareExchange => "compare exchange",
        GuestMemoryOperation.Pin => "pin",
        GuestMemoryOperation.Slice => "slice",
        GuestMemoryOperation.Probe => "probe",
        GuestMemoryOperation.Copy => "copy",
        GuestMemoryOperation.Protect => "protect",
        _ => "access",
    };

    internal static string Reason(in GuestMemoryFault fault)
    {
        string what = fault.Kind switch
        {
            GuestMemoryFaultKind.OutOfRange => "no memory at address",
            GuestMemoryFaultKind.VtlProtected => "protected by a higher virtual trust level",
            GuestMemoryFaultKind.NotPrivate => "shared memory accessed by a private address",
            GuestMemoryFaultKind.NotShared => "private memory accessed by a shared address",
            GuestMemoryFaultKind.Unmapped => "page not mapped",
            GuestMemoryFaultKind.NotTranslated => "no translation",
            GuestMemoryFaultKind.ReadOnly when fault.Cause == FaultCause.Translation => "translation permits no write",
            GuestMemoryFaultKind.Restricted when fault.Cause == FaultCause.Translation => "translation permits no read",
            GuestMemoryFaultKind.RetryLimit when fault.Cause == FaultCause.Translation => "translator retried without progress",
            GuestMemoryFaultKind.ReadOnly => "memory is read-only",
            GuestMemoryFaultKind.Restricted => "page restricted by the access bitmap",
            GuestMemoryFaultKind.NotRestrictable => "memory has no access bitmaps",
            GuestMemoryFaultKind.Misaligned when fault.Operation == GuestMemoryOperation.Protect => "not whole pages of 4 KiB",
            GuestMemoryFaultKind.Misaligned => "address not naturally aligned for an atomic operation",
            GuestMemoryFaultKind.Disposed => "memory has been disposed",
            GuestMemoryFaultKind.NoFallback => "no fallback for this operation",
            GuestMemoryFaultKind.RetryLimit => "page-fault handler retried without progress",
            GuestMemoryFaultKind.NotPinnable => "memory not pinnable",
            GuestMemoryFaultKind.CallerBuffer => "the caller's buffer cannot be accessed",
            GuestMemoryFaultKind.CrossesRegions => "access crosses regions of a strict memory",
            _ => "access failed",
        };
        string cause = fault.Cause switch
        {
            FaultCause.SegmentationFault => " (SIGSEGV)",
            FaultCause.BusError => " (SIGBUS)",
            _ => "",
        };
        string backing = fault.BackingName is { } name && name != fault.MemoryName ? $" in backing '{name}'" : "";
        string exception = fault.Exception is { } e ? $": {e.Message}" : "";
        return what + cause + backing + exception;
    }
}
