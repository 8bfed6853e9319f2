using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks;

/// <summary>A row of the table: an operation, what it is compared with in the same run, and the aim.</summary>
/// <param name="Name">The name, as in the JSON.</param>
/// <param name="Baseline">The name of the baseline.</param>
/// <param name="Aim">The highest ratio of the operation's time to the baseline's that meets the aim.</param>
/// <param name="Ours">Makes the kernel of the operation.</param>
/// <param name="Raw">Makes the kernel of the baseline.</param>
public sealed record Operation(string Name, string Baseline, double Aim, Func<Kernel> Ours, Func<Kernel> Raw)
{
    /// <summary>The time of the raw 8-byte read on the machine that aims in nanoseconds were stated for.</summary>
    public const double ReferenceRead = 1.07;

    /// <summary>Gets the aim in nanoseconds on the reference machine, where it was stated so; <see cref="Aim"/> is then this over <see cref="ReferenceRead"/>.</summary>
    public double? AimNanoseconds { get; private init; }

    /// <summary>An operation whose aim is a time: scaled to this machine by its raw read.</summary>
    public static Operation Timed(string name, double aimNanoseconds, Func<Kernel> ours) =>
        new(name, "raw_read_u64", aimNanoseconds / ReferenceRead, ours, Operations.ReadRaw) { AimNanoseconds = aimNanoseconds };
}
