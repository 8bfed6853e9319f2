namespace Hyperspan.Kvm;

/// <summary>How a machine ended, and why.</summary>
public sealed record MachineEnd
{
    /// <summary>Initializes a new instance of the <see cref="MachineEnd"/> class.</summary>
    /// <param name="kind">How it ended.</param>
    /// <param name="reason">Why, where it failed; else <see langword="null"/>.</param>
    public MachineEnd(MachineEndKind kind, string? reason = null)
    {
        Kind = kind;
        Reason = reason;
    }

    /// <summary>Gets how it ended.</summary>
    public MachineEndKind Kind { get; }

    /// <summary>Gets why, where it failed; else <see langword="null"/>.</summary>
    public string? Reason { get; }
}
