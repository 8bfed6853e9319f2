using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks;

/// <summary>A row of the table: an operation, what it is compared with in the same run, and the aim.</summary>
/// <param name="Name">The name, as in the JSON.</param>
/// <param name="Aim">The highest ratio of the operation's time to that of the fastest floor that meets the aim.</param>
/// <param name="Ours">Makes the kernel of the operation.</param>
/// <param name="Floors">The ways to do the same without any safety; the fastest of them counts.</param>
public sealed record Operation(string Name, double Aim, Func<Kernel> Ours, params Floor[] Floors)
{
    /// <summary>The time of the raw 8-byte read on the machine that aims in nanoseconds were stated for.</summary>
    public const double ReferenceRead = 1.07;

    /// <summary>Gets the aim in nanoseconds on the reference machine, where it was stated so; <see cref="Aim"/> is then this over <see cref="ReferenceRead"/>.</summary>
    public double? AimNanoseconds { get; private init; }

    /// <summary>
    /// Gets what measures the operation outright, in nanoseconds, where it is no loop: a start, or how long something else was held up. There is no floor then.
    /// </summary>
    public Func<double>? Outright { get; private init; }

    /// <summary>An operation whose aim is a time: scaled to this machine by its raw read.</summary>
    public static Operation Timed(string name, double aimNanoseconds, Func<Kernel> ours) =>
        new(name, aimNanoseconds / ReferenceRead, ours, Operations.RawRead) { AimNanoseconds = aimNanoseconds };

    /// <summary>An operation that is measured outright, and whose aim is a time on any machine.</summary>
    public static Operation Whole(string name, double aimNanoseconds, Func<double> measure) =>
        new(name, 1, static () => throw new NotSupportedException("it is no loop")) { AimNanoseconds = aimNanoseconds, Outright = measure };
}
