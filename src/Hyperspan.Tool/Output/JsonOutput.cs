using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hyperspan.Tool.Output;

/// <summary>Output for machines.</summary>
internal static class JsonOutput
{
    /// <summary>Writes one object to standard output, and nothing else: piece by piece, as a list in it may have millions of entries.</summary>
    /// <exception cref="IOException">Standard output cannot be written.</exception>
    internal static void Write<T>(T value, JsonTypeInfo<T> type)
    {
        JsonSerializer.Serialize(new TextStream(Console.Out), value, type);
        Console.Out.WriteLine();
    }
}
