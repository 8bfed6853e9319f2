using System.Globalization;

namespace Hyperspan.Kvm;

/// <summary>Why a processor came back from its guest, and what is to be known about it. Nothing of the guest's is pending then: its registers may be changed.</summary>
public readonly record struct KvmExit
{
    /// <summary>Gets the kind.</summary>
    public KvmExitKind Kind { get; init; }

    /// <summary>
    /// Gets the guest-physical address of the access (<see cref="KvmExitKind.Mmio"/>; <see cref="KvmExitKind.MemoryFault"/>, where the kernel says
    /// it), or its port.
    /// </summary>
    public ulong Address { get; init; }

    /// <summary>Gets the length of the access in bytes: 1 to 8; zero where there was none.</summary>
    public int Length { get; init; }

    /// <summary>Gets a value indicating whether it was a write.</summary>
    public bool IsWrite { get; init; }

    /// <summary>Gets what was written, or what the read was answered, little-endian.</summary>
    public ulong Value { get; init; }

    /// <summary>Gets why the access failed, if one did: that nobody answers, or what a device threw.</summary>
    public GuestMemoryFault? Fault { get; init; }

    /// <summary>Gets what the guest asks of the machine, with <see cref="KvmExitKind.SystemEvent"/>.</summary>
    public SystemEvent SystemEvent { get; init; }

    /// <summary>Gets the number by which the hardware or the kernel names the reason; zero where there is none.</summary>
    public ulong ReasonCode { get; init; }

    /// <summary>Gets the reason in words, of a failed entry or an internal error.</summary>
    public string? Reason { get; init; }

    /// <summary>Gives the kind and what belongs to it.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Kind switch
    {
        KvmExitKind.Mmio or KvmExitKind.Port => string.Create(
            CultureInfo.InvariantCulture, $"{Kind}: {(IsWrite ? "write" : "read")} of {Length} at 0x{Address:x}, value 0x{Value:x}{(Fault is { } fault ? $": {fault}" : "")}"),
        KvmExitKind.MemoryFault when Address != 0 => string.Create(CultureInfo.InvariantCulture, $"{Kind} at 0x{Address:x}"),
        KvmExitKind.SystemEvent => $"{Kind}: {SystemEvent}",
        _ => Reason is null ? Kind.ToString() : $"{Kind}: {Reason}",
    };
}
