using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// Reads and writes a <see cref="GuestAddress"/> as a JSON number from 0 to 2^64 - 1, and as the decimal name of a property where
/// an address is the key of a dictionary.
/// </summary>
/// <remarks>
/// Public for the sake of source-generated serializers; the type names it itself. Any other value is a
/// <see cref="JsonException"/>.
/// </remarks>
public sealed class GuestAddressJsonConverter : JsonConverter<GuestAddress>
{
    /// <inheritdoc/>
    public override GuestAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        AddressingJson.ReadUInt64(ref reader, "guest address");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, GuestAddress value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteNumberValue(value.Value);
    }

    /// <inheritdoc/>
    public override GuestAddress ReadAsPropertyName(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        AddressText.TryParseDecimal(reader.GetString(), out ulong value)
            ? value
            : throw new JsonException("A guest address as a property name must be a decimal number from 0 to 2^64 - 1.");

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, GuestAddress value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        Span<byte> name = stackalloc byte[AddressText.MaxLength];
        value.TryFormat(name, out int length, "D");
        writer.WritePropertyName(name[..length]);
    }
}
