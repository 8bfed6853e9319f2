using System.Globalization;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>What a guest's script reported, and how it ended.</summary>
internal sealed class GuestReport(int status, IReadOnlyDictionary<string, string> results)
{
    /// <summary>The script's exit status.</summary>
    internal int Status { get; } = status;

    /// <summary>Lines of the guest's kernel log that tell of trouble with its disk.</summary>
    internal long KernelErrors => Number("kernel_errors");

    internal string this[string key] =>
        results.TryGetValue(key, out string? value) ? value : throw new EndToEndException($"the guest did not report '{key}'");

    internal long Number(string key) => long.Parse(this[key], CultureInfo.InvariantCulture);

    internal double Fraction(string key) => double.Parse(this[key], CultureInfo.InvariantCulture);
}
