using System.Globalization;
using System.Text;

namespace Hyperspan.Tool.Top;

/// <summary>Figures of a moment, read from the text format of Prometheus. A text that is kept more than once is there once.</summary>
internal sealed class MetricsText
{
    /// <summary>The most figures that are kept: more than a process has that serves as many disks as it may.</summary>
    internal const int MostSeries = 65_536;

    private readonly Dictionary<string, List<MetricsSeries>> _series = new(StringComparer.Ordinal);
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private int _count;

    private MetricsText()
    {
    }

    /// <summary>Reads it. Lines that are no figures are passed over.</summary>
    /// <exception cref="InvalidDataException">There are too many.</exception>
    internal static MetricsText Parse(string text) => Parse(Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="Parse(string)"/>
    internal static MetricsText Parse(ReadOnlySpan<byte> text)
    {
        var read = new MetricsText();
        foreach (Range range in text.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = text[range];
            if (!line.IsEmpty && line[0] != '#' && read.TryParse(Encoding.UTF8.GetString(line), out MetricsSeries series))
            {
                read.Add(series);
            }
        }

        read._texts.Clear();
        return read;
    }

    /// <summary>Gets all series of a name.</summary>
    internal IEnumerable<MetricsSeries> Of(string name) => _series.TryGetValue(name, out List<MetricsSeries>? found) ? found : [];

    /// <summary>Gets all series of a name by the values of two labels.</summary>
    internal ILookup<(string First, string Second), MetricsSeries> By(string name, string first, string second) =>
        Of(name).ToLookup(series => (series[first], series[second]));

    /// <summary>Gets the sum of all series of a name with certain labels; zero where there is none.</summary>
    internal double Sum(string name, params (string Name, string Value)[] labels) =>
        Of(name).Where(series => labels.All(label => series[label.Name] == label.Value)).Sum(series => series.Value);

    private void Add(in MetricsSeries series)
    {
        if (++_count > MostSeries)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"there are more than {MostSeries} figures: no process of hyperspan has so many"));
        }

        if (!_series.TryGetValue(series.Name, out List<MetricsSeries>? all))
        {
            _series.Add(series.Name, all = []);
        }

        all.Add(series);
    }

    private bool TryParse(string line, out MetricsSeries series)
    {
        series = default;
        List<KeyValuePair<string, string>> labels = [];
        int at = line.IndexOfAny(['{', ' ']);
        if (at <= 0)
        {
            return false;
        }

        string name = Once(line[..at]);
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
        bool isNumber = double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);
        series = new MetricsSeries(name, labels.ToArray(), value);
        return isNumber;
    }

    private bool TryReadLabel(string line, ref int at, List<KeyValuePair<string, string>> labels)
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

        labels.Add(new(Once(name), Once(value.ToString())));

        // Past the quotation mark, if there is one.
        return at++ < line.Length;
    }

    private string Once(string text)
    {
        if (_texts.TryGetValue(text, out string? known))
        {
            return known;
        }

        _texts.Add(text);
        return text;
    }
}
