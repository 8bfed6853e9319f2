namespace Hyperspan.Benchmarks.Quick;

/// <summary>What an earlier run has measured for an operation.</summary>
internal readonly record struct QuickFigure(double Nanoseconds, double Ratio, double Spread);
