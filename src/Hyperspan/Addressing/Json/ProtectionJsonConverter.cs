using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// Reads and writes a <see cref="Protection"/> as an object with the booleans <c>read</c>, <c>write</c> and <c>execute</c>.
/// </summary>
/// <remarks>
/// Public for the sake of source-generated serializers; the type names it itself. The property names are fixed, whatever the
/// naming policy. Other properties are ignored; a missing or repeated one is a <see cref="JsonException"/>.
/// </remarks>
public sealed class ProtectionJsonConverter : JsonConverter<Protection>
{
    private const string What = "protection";

    /// <inheritdoc/>
    public override Protection Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        bool? read = null;
        bool? write = null;
        bool? execute = null;
        AddressingJson.ReadStartObject(ref reader, What);
        while (AddressingJson.ReadPropertyName(ref reader))
        {
            if (reader.ValueTextEquals("read"u8))
            {
                AddressingJson.ReadOnce(ref reader, read.HasValue, What, "read");
                read = AddressingJson.ReadBoolean(ref reader, What, "read");
            }
            else if (reader.ValueTextEquals("write"u8))
            {
                AddressingJson.ReadOnce(ref reader, write.HasValue, What, "write");
                write = AddressingJson.ReadBoolean(ref reader, What, "write");
            }
            else if (reader.ValueTextEquals("execute"u8))
            {
                AddressingJson.ReadOnce(ref reader, execute.HasValue, What, "execute");
                execute = AddressingJson.ReadBoolean(ref reader, What, "execute");
            }
            else
            {
                reader.Skip();
            }
        }

        return new(
            AddressingJson.Required(read, What, "read"),
            AddressingJson.Required(write, What, "write"),
            AddressingJson.Required(execute, What, "execute"));
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Protection value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteBoolean("read"u8, value.CanRead);
        writer.WriteBoolean("write"u8, value.CanWrite);
        writer.WriteBoolean("execute"u8, value.CanExecute);
        writer.WriteEndObject();
    }
}
