namespace Hyperspan.Tool.Top;

/// <summary>A figure with its labels.</summary>
/// <param name="Name">The name of the metric.</param>
/// <param name="Labels">What tells it from others of that name.</param>
/// <param name="Value">The figure.</param>
internal readonly record struct MetricsSeries(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
{
    /// <summary>Gets a label; an empty text where it is not there.</summary>
    internal string this[string label] => Labels.GetValueOrDefault(label, "");
}
