namespace Hyperspan.Tool.Top;

/// <summary>A figure with its labels.</summary>
/// <param name="Name">The name of the metric.</param>
/// <param name="Labels">What tells it from others of that name: a few.</param>
/// <param name="Value">The figure.</param>
internal readonly record struct MetricsSeries(string Name, IReadOnlyList<KeyValuePair<string, string>> Labels, double Value)
{
    /// <summary>Gets a label, the last of that name; an empty text where it is not there.</summary>
    internal string this[string label]
    {
        get
        {
            for (int i = Labels.Count - 1; i >= 0; i--)
            {
                if (Labels[i].Key == label)
                {
                    return Labels[i].Value;
                }
            }

            return "";
        }
    }
}
