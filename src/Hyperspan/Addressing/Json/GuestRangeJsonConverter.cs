using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>Reads and writes a <see cref="GuestRange"/> as an object with the numbers <c>base</c> and <c>size</c>.</summary>
/// <remarks>
/// Public for the sake of source-generated serializers; the type names it itself. The property names are fixed, whatever the
/// naming policy. Other properties are ignored; a missing or repeated one, and a range that
/// overflows, is a <see cref="JsonException"/>.
/// </remarks>
public sealed class GuestRangeJsonConverter : JsonConverter<GuestRange>
{
    private const string What = "guest range";

    /// <inheritdoc/>
    public override GuestRange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        ulong? @base = null;
        ulong? size = null;
        AddressingJson.ReadStartObject(ref reader, What);
        while (AddressingJson.ReadPropertyName(ref reader))
        {
            if (reader.ValueTextEquals("base"u8))
            {
                AddressingJson.ReadOnce(ref reader, @base.HasValue, What, "base");
                @base = AddressingJson.ReadUInt64(ref reader, "base of a guest range");
            }
            else if (reader.ValueTextEquals("size"u8))
            {
                AddressingJson.ReadOnce(ref reader, size.HasValue, What, "size");
                size = AddressingJson.ReadUInt64(ref reader, "size of a guest range");
            }
            else
            {
                reader.Skip();
            }
        }

        ulong requiredBase = AddressingJson.Required(@base, What, "base");
        ulong requiredSize = AddressingJson.Required(size, What, "size");
        return GuestRange.TryCreate(requiredBase, requiredSize, out GuestRange range)
            ? range
            : throw new JsonException($"The guest range overflows the address space: base {requiredBase}, size {requiredSize}.");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, GuestRange value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteNumber("base"u8, value.Start.Value);
        writer.WriteNumber("size"u8, value.Length);
        writer.WriteEndObject();
    }
}
