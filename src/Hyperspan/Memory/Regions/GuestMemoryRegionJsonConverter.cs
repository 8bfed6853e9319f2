using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// Reads and writes a <see cref="GuestMemoryRegion"/> as an object with <c>range</c>, <c>slot</c> and <c>protection</c>.
/// </summary>
/// <remarks>
/// Public for the sake of source-generated serializers; the type names it itself. The property names are fixed, whatever the
/// naming policy. Other properties are ignored; a missing or repeated one is a <see cref="JsonException"/>.
/// </remarks>
public sealed class GuestMemoryRegionJsonConverter : JsonConverter<GuestMemoryRegion>
{
    private const string What = "guest memory region";

    // Called directly: asking the options for a converter would need reflection, or every type in the user's serializer context.
    private static readonly GuestRangeJsonConverter RangeConverter = new();
    private static readonly ProtectionJsonConverter ProtectionConverter = new();

    /// <inheritdoc/>
    public override GuestMemoryRegion Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        GuestRange? range = null;
        uint? slot = null;
        Protection? protection = null;
        AddressingJson.ReadStartObject(ref reader, What);
        while (AddressingJson.ReadPropertyName(ref reader))
        {
            if (reader.ValueTextEquals("range"u8))
            {
                AddressingJson.ReadOnce(ref reader, range.HasValue, What, "range");
                range = RangeConverter.Read(ref reader, typeof(GuestRange), options);
            }
            else if (reader.ValueTextEquals("slot"u8))
            {
                AddressingJson.ReadOnce(ref reader, slot.HasValue, What, "slot");
                slot = AddressingJson.ReadUInt32(ref reader, "slot of a guest memory region");
            }
            else if (reader.ValueTextEquals("protection"u8))
            {
                AddressingJson.ReadOnce(ref reader, protection.HasValue, What, "protection");
                protection = ProtectionConverter.Read(ref reader, typeof(Protection), options);
            }
            else
            {
                reader.Skip();
            }
        }

        return new(
            AddressingJson.Required(range, What, "range"),
            AddressingJson.Required(slot, What, "slot"),
            AddressingJson.Required(protection, What, "protection"));
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, GuestMemoryRegion value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteStartObject();
        writer.WritePropertyName("range"u8);
        RangeConverter.Write(writer, value.Range, options);
        writer.WriteNumber("slot"u8, value.Slot);
        writer.WritePropertyName("protection"u8);
        ProtectionConverter.Write(writer, value.Protection, options);
        writer.WriteEndObject();
    }
}
