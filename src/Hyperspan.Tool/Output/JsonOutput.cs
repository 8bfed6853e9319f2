using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hyperspan.Tool.Output;

/// <summary>Output for machines.</summary>
internal static class JsonOutput
{
    /// <summary>Writes one object to standard output, and nothing else.</summary>
    internal static void Write<T>(T value, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(value, type));
}
