using System.Globalization;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Says which rows have moved since an earlier run, and by more than noise. It decides nothing.</summary>
internal static class QuickComparison
{
    // What two runs in a row differ by on an idle machine; more where the rounds of a row lay further apart.
    private const double LeastNoise = 0.05;
    private const double Spreads = 3;

    internal static void Print(IReadOnlyList<QuickResult> results, IReadOnlyDictionary<string, QuickFigure> before, TextWriter output)
    {
        int still = 0;
        foreach (QuickResult result in results)
        {
            string name = result.Operation.Name;
            if (!before.TryGetValue(name, out QuickFigure earlier))
            {
                output.WriteLine($"new      {name}");
                continue;
            }

            double change = (result.Ratio / earlier.Ratio) - 1;
            if (Math.Abs(change) <= Math.Max(LeastNoise, Spreads * (result.Spread + earlier.Spread)))
            {
                still++;
                continue;
            }

            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{(change < 0 ? "faster " : "slower ")}  {name}: {earlier.Ratio:0.00} -> {result.Ratio:0.00} of its floor "
                + $"({earlier.Nanoseconds:0.00} -> {result.Nanoseconds:0.00} ns, {change:+0%;-0%})"));
        }

        foreach (string gone in before.Keys.Except(results.Select(static result => result.Operation.Name), StringComparer.Ordinal))
        {
            output.WriteLine($"not run  {gone}");
        }

        output.WriteLine($"{still} rows have not moved beyond noise.");
    }
}
