namespace Hyperspan.Kvm;

/// <summary>How often a processor left its guest, and why, since it was made. Counted by its thread: another one may see the last moments late.</summary>
public readonly record struct ProcessorStatistics
{
    /// <summary>Initializes a new instance of the <see cref="ProcessorStatistics"/> struct.</summary>
    /// <param name="entries">How often the guest was entered.</param>
    /// <param name="mmio">Accesses to addresses of devices.</param>
    /// <param name="port">Accesses to ports, a repeated one once.</param>
    /// <param name="unclaimed">Those among both that no device answered, or whose device failed.</param>
    /// <param name="signals">Times that a signal ended it, asked for or not.</param>
    /// <param name="other">All else.</param>
    public ProcessorStatistics(long entries, long mmio, long port, long unclaimed, long signals, long other)
    {
        Entries = entries;
        Mmio = mmio;
        Port = port;
        Unclaimed = unclaimed;
        Signals = signals;
        Other = other;
    }

    /// <summary>Gets how often the guest was entered.</summary>
    public long Entries { get; }

    /// <summary>Gets the accesses to addresses of devices.</summary>
    public long Mmio { get; }

    /// <summary>Gets the accesses to ports, a repeated one once.</summary>
    public long Port { get; }

    /// <summary>Gets those among both that no device answered, or whose device failed.</summary>
    public long Unclaimed { get; }

    /// <summary>Gets the times that a signal ended it, asked for or not.</summary>
    public long Signals { get; }

    /// <summary>Gets how often it came back for anything else.</summary>
    public long Other { get; }
}
