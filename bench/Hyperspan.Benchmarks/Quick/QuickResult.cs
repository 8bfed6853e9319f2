namespace Hyperspan.Benchmarks.Quick;

/// <summary>What was measured for an operation.</summary>
internal sealed record QuickResult(Operation Operation, double Nanoseconds, double BaselineNanoseconds)
{
    internal double Ratio => Nanoseconds / BaselineNanoseconds;

    internal bool Met => Ratio <= Operation.Aim;
}
