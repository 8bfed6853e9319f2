using System.Text.Json;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Writes results as a list of objects, and reads them.</summary>
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
            json.WriteString("baseline", result.Floor);
            json.WriteNumber("baselineNs", Math.Round(result.FloorNanoseconds, 4));
            json.WriteNumber("ratio", Math.Round(result.Ratio, 4));
            json.WriteNumber("aim", Math.Round(result.Operation.Aim, 4));
            json.WriteNumber("spread", Math.Round(result.Spread, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Reads figures by the name of their operation.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="JsonException">It holds no results.</exception>
    internal static Dictionary<string, QuickFigure> Read(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        var figures = new Dictionary<string, QuickFigure>(StringComparer.Ordinal);
        foreach (JsonElement row in document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement.EnumerateArray() : default)
        {
            if (!row.TryGetProperty("operation", out JsonElement name)
                || !row.TryGetProperty("ns", out JsonElement time)
                || !row.TryGetProperty("ratio", out JsonElement ratio))
            {
                throw new JsonException("a row without operation, ns and ratio");
            }

            double spread = row.TryGetProperty("spread", out JsonElement stated) ? stated.GetDouble() : 0.02;
            figures[name.GetString()!] = new QuickFigure(time.GetDouble(), ratio.GetDouble(), spread);
        }

        return figures;
    }
}
