using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hyperspan.Tool.Output;

/// <summary>Output for machines.</summary>
internal static class JsonOutput
{
    private const int BufferLength = 1 << 16;

    /// <summary>Writes one object to standard output, and nothing else: piece by piece, as a list in it may have millions of entries.</summary>
    /// <exception cref="IOException">Standard output cannot be written.</exception>
    internal static void Write<T>(T value, JsonTypeInfo<T> type)
    {
        try
        {
            Console.Out.Flush();

            // Not disposed: what could not be written would be written once more.
            var output = new BufferedStream(Console.OpenStandardOutput(), BufferLength);
            JsonSerializer.Serialize(output, value, type);
            output.WriteByte((byte)'\n');
            output.Flush();
        }
        catch (IOException e)
        {
            throw StandardOutput.Named(e);
        }
    }
}
