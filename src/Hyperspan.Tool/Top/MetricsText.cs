using System.Globalization;
using System.Text;

namespace Hyperspan.Tool.Top;

/// <summary>Figures of a moment, read from the text format of Prometheus.</summary>
internal sealed class MetricsText
{
    private readonly List<MetricsSeries> _series = [];

    private MetricsText()
    {
    }

    /// <summary>Reads it. Lines that are no figures are passed over.</summary>
    internal static MetricsText Parse(string text)
    {
        var read = new MetricsText();
        foreach (string line in text.Split('\n'))
        {
            if (line.Length != 0 && line[0] != '#' && TryParse(line, out MetricsSeries series))
            {
                read._series.Add(series);
            }
        }

        return read;
    }

    /// <summary>Gets all series of a name.</summary>
    internal IEnumerable<MetricsSeries> Of(string name) => _series.Where(series => series.Name == name);

    /// <summary>Gets the sum of all series of a name with certain labels; zero where there is none.</summary>
    internal double Sum(string name, params (string Name, string Value)[] labels) =>
        Of(name).Where(series => labels.All(label => series[label.Name] == label.Value)).Sum(series => series.Value);

    private static bool TryParse(string line, out MetricsSeries series)
    {
        series = default;
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        int at = line.IndexOfAny(['{', ' ']);
        if (at <= 0)
        {
            return false;
        }

        string name = line[..at];
        if (line[at] == '{')
        {
            at++;
            while (at < line.Length && line[at] != '}')
            {
                if (!TryReadLabel(line, ref at, labels))
                {
                    return false;
                }
            }

            at++;
        }

        string number = at < line.Length ? line[at..].Trim().Split(' ')[0] : "";
        bool isNumber = double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value);
        series = new MetricsSeries(name, labels, value);
        return isNumber;
    }

    private static bool TryReadLabel(string line, ref int at, Dictionary<string, string> labels)
    {
        int equals = line.IndexOf("=\"", at, StringComparison.Ordinal);
        if (equals < 0)
        {
            return false;
        }

        string name = line[at..equals].TrimStart(',', ' ');
        var value = new StringBuilder();
        for (at = equals + 2; at < line.Length && line[at] != '"'; at++)
        {
            if (line[at] == '\\' && at + 1 < line.Length)
            {
                at++;
                value.Append(line[at] == 'n' ? '\n' : line[at]);
            }
            else
            {
                value.Append(line[at]);
            }
        }

        labels[name] = value.ToString();

        // Past the quotation mark, if there is one.
        return at++ < line.Length;
    }
}
