namespace Hyperspan.Kvm;

/// <summary>How a machine ended.</summary>
public enum MachineEndKind
{
    /// <summary>It was asked to stop from outside.</summary>
    Stopped,

    /// <summary>The guest turned it off.</summary>
    PoweredOff,

    /// <summary>The guest asked to start again, or met a triple fault.</summary>
    Reset,

    /// <summary>A processor could not go on: see <see cref="MachineEnd.Reason"/>.</summary>
    Failed,
}
