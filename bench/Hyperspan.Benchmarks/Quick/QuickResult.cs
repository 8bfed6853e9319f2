namespace Hyperspan.Benchmarks.Quick;

/// <summary>What was measured for an operation.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Nanoseconds">The median of its rounds.</param>
/// <param name="Floor">The name of the fastest floor; empty where the operation has none.</param>
/// <param name="FloorNanoseconds">The median of that one's rounds; the aim, where there is no floor.</param>
/// <param name="Spread">How far the rounds lie apart: half the distance of their quartiles, of the operation and of the floor together, as a part of the median.</param>
internal sealed record QuickResult(Operation Operation, double Nanoseconds, string Floor, double FloorNanoseconds, double Spread)
{
    internal double Ratio => Nanoseconds / FloorNanoseconds;

    internal bool Met => Ratio <= Operation.Aim;
}
