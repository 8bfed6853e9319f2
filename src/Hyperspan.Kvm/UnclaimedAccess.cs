namespace Hyperspan.Kvm;

/// <summary>What happens at an access that no device answers, or whose device failed.</summary>
public enum UnclaimedAccess
{
    /// <summary>A read finds ones and a write goes nowhere, as on the bus of a real machine, and the processor goes on. It is counted.</summary>
    Ignore,

    /// <summary>The same, and then the processor comes back (<see cref="KvmExitKind.Mmio"/>, <see cref="KvmExitKind.Port"/>).</summary>
    Stop,
}
