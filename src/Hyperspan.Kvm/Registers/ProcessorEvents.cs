using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>Exceptions, interrupts and NMIs on their way into the processor (<c>struct kvm_vcpu_events</c>).</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public record struct ProcessorEvents
{
    /// <summary>Gets or sets a value indicating whether an exception is being delivered.</summary>
    [field: FieldOffset(0)]
    public bool ExceptionInjected { get; set; }

    /// <summary>Gets or sets its vector.</summary>
    [field: FieldOffset(1)]
    public byte ExceptionVector { get; set; }

    /// <summary>Gets or sets a value indicating whether it has an error code.</summary>
    [field: FieldOffset(2)]
    public bool ExceptionHasErrorCode { get; set; }

    /// <summary>Gets or sets a value indicating whether an exception waits to be delivered.</summary>
    [field: FieldOffset(3)]
    public bool ExceptionPending { get; set; }

    /// <summary>Gets or sets the error code.</summary>
    [field: FieldOffset(4)]
    public uint ExceptionErrorCode { get; set; }

    /// <summary>Gets or sets a value indicating whether an interrupt is being delivered.</summary>
    [field: FieldOffset(8)]
    public bool InterruptInjected { get; set; }

    /// <summary>Gets or sets its vector.</summary>
    [field: FieldOffset(9)]
    public byte InterruptVector { get; set; }

    /// <summary>Gets or sets a value indicating whether it comes from an instruction.</summary>
    [field: FieldOffset(10)]
    public bool InterruptIsSoftware { get; set; }

    /// <summary>Gets or sets the interrupt shadow: 1 after MOV SS, 2 after STI.</summary>
    [field: FieldOffset(11)]
    public byte InterruptShadow { get; set; }

    /// <summary>Gets or sets a value indicating whether an NMI is being delivered.</summary>
    [field: FieldOffset(12)]
    public bool NmiInjected { get; set; }

    /// <summary>Gets or sets how many NMIs wait, at most two.</summary>
    [field: FieldOffset(13)]
    public byte NmiPending { get; set; }

    /// <summary>Gets or sets a value indicating whether NMIs are held back until IRET.</summary>
    [field: FieldOffset(14)]
    public bool NmiMasked { get; set; }

    /// <summary>Gets or sets the vector of the start-up message.</summary>
    [field: FieldOffset(16)]
    public uint StartupVector { get; set; }

    /// <summary>Gets or sets which of the fields hold (<c>KVM_VCPUEVENT_VALID_…</c>).</summary>
    [field: FieldOffset(20)]
    public uint Flags { get; set; }

    /// <summary>Gets or sets the state of system management mode, four bytes as the kernel has them.</summary>
    [field: FieldOffset(24)]
    public uint SystemManagement { get; set; }

    /// <summary>Gets or sets a value indicating whether a triple fault waits.</summary>
    [field: FieldOffset(28)]
    public bool TripleFaultPending { get; set; }

    /// <summary>Gets or sets a value indicating whether the exception has a payload.</summary>
    [field: FieldOffset(55)]
    public bool ExceptionHasPayload { get; set; }

    /// <summary>Gets or sets the payload: the address of a page fault, the bits of a debug exception.</summary>
    [field: FieldOffset(56)]
    public ulong ExceptionPayload { get; set; }
}
