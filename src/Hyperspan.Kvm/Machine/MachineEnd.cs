namespace Hyperspan.Kvm;

/// <summary>How a machine ended, and why.</summary>
/// <param name="Kind">How.</param>
/// <param name="Reason">Why, where it failed; else <see langword="null"/>.</param>
public sealed record MachineEnd(MachineEndKind Kind, string? Reason = null);
