namespace Hyperspan.Kvm;

/// <summary>How often a processor left its guest, and why, since it was made. Counted by its thread: another one may see the last moments late.</summary>
/// <param name="Entries">How often the guest was entered.</param>
/// <param name="Mmio">Accesses to addresses of devices.</param>
/// <param name="Port">Accesses to ports, a repeated one once.</param>
/// <param name="Unclaimed">Those among both that no device answered, or whose device failed.</param>
/// <param name="Signals">Times that a signal ended it, asked for or not.</param>
/// <param name="Other">All else.</param>
public readonly record struct ProcessorStatistics(long Entries, long Mmio, long Port, long Unclaimed, long Signals, long Other);
