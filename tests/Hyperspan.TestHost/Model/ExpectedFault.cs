namespace Hyperspan.TestHost.Model;

/// <summary>The fault that an access has to end with.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Cause">The cause.</param>
/// <param name="Address">The lowest address at fault, if there is one.</param>
internal sealed record ExpectedFault(GuestMemoryFaultKind Kind, FaultCause Cause, ulong? Address)
{
    /// <summary>The substitute guard learns that an access failed, not by which signal.</summary>
    public bool Matches(in GuestMemoryFault fault) =>
        fault.IsFault
        && fault.Kind == Kind
        && fault.Address?.Value == Address
        && (fault.Cause == Cause || (Cause == FaultCause.BusError && fault.Cause == FaultCause.SegmentationFault && !Guarding.Guard.UsesMachineCode));
}
