using System.Text.Json;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Writes results as a list of objects.</summary>
internal static class QuickJson
{
    internal static void Write(string path, IReadOnlyList<QuickResult> results)
    {
        using FileStream stream = File.Create(path);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartArray();
        foreach (QuickResult result in results)
        {
            json.WriteStartObject();
            json.WriteString("operation", result.Operation.Name);
            json.WriteNumber("ns", Math.Round(result.Nanoseconds, 4));
            json.WriteString("baseline", result.Operation.Baseline);
            json.WriteNumber("baselineNs", Math.Round(result.BaselineNanoseconds, 4));
            json.WriteNumber("ratio", Math.Round(result.Ratio, 4));
            json.WriteNumber("aim", Math.Round(result.Operation.Aim, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
