using System.Globalization;
using System.Text;

using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Hyperspan.Tool.Metrics;

/// <summary>Writes figures as Prometheus reads them (the text format, version 0.0.4).</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    private readonly StringBuilder _text = new();

    /// <inheritdoc/>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>Collects, and gets the text. By one thread at a time.</summary>
    internal string Read()
    {
        _text.Clear();
        Collect!(Timeout.Infinite);
        return _text.ToString();
    }

    /// <inheritdoc/>
    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (Metric metric in batch)
        {
            Write(metric);
        }

        return ExportResult.Success;
    }

    private static string NameOf(Metric metric)
    {
        string unit = metric.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        return Identifier(metric.Name) + unit + (metric.MetricType is MetricType.LongSum or MetricType.DoubleSum ? "_total" : "");
    }

    private static string Identifier(string name) => string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Labels(MetricPoint point)
    {
        var labels = new StringBuilder();
        foreach (KeyValuePair<string, object?> tag in point.Tags)
        {
            string value = Escape(Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "").Replace("\"", "\\\"", StringComparison.Ordinal);
            labels.Append(labels.Length == 0 ? "" : ",").Append(Identifier(tag.Key)).Append("=\"").Append(value).Append('"');
        }

        return labels.ToString();
    }

    private static string Escape(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private void Write(Metric metric)
    {
        string name = NameOf(metric);
        string type = metric.MetricType switch
        {
            MetricType.LongSum or MetricType.DoubleSum => "counter",
            MetricType.Histogram => "histogram",
            _ => "gauge",
        };
        _text.Append($"# HELP {name} {Escape(metric.Description)}\n# TYPE {name} {type}\n");
        foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
        {
            string labels = Labels(point);
            switch (metric.MetricType)
            {
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    Write(name, labels, Number(point.GetSumLong()));
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    Write(name, labels, Number(point.GetSumDouble()));
                    break;
                case MetricType.LongGauge:
                    Write(name, labels, Number(point.GetGaugeLastValueLong()));
                    break;
                case MetricType.DoubleGauge:
                    Write(name, labels, Number(point.GetGaugeLastValueDouble()));
                    break;
                case MetricType.Histogram:
                    WriteHistogram(name, labels, point);
                    break;
            }
        }
    }

    private void WriteHistogram(string name, string labels, MetricPoint point)
    {
        string before = labels.Length == 0 ? "" : labels + ",";
        long count = 0;
        foreach (HistogramBucket bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            string bound = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : Number(bucket.ExplicitBound);
            Write(name + "_bucket", $"{before}le=\"{bound}\"", Number(count));
        }

        Write(name + "_sum", labels, Number(point.GetHistogramSum()));
        Write(name + "_count", labels, Number(count));
    }

    private void Write(string name, string labels, string value) => _text.Append(name).Append(labels.Length == 0 ? "" : $"{{{labels}}}").Append(' ').Append(value).Append('\n');
}
