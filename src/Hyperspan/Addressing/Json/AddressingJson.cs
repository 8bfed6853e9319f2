using System.Text.Json;

namespace Hyperspan;

/// <summary>
/// What the converters of addresses, ranges and regions have in common: strict about the values they want, indifferent to the rest.
/// </summary>
internal static class AddressingJson
{
    public static void ReadStartObject(ref Utf8JsonReader reader, string what)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException($"A {what} must be an object, not {reader.TokenType}.");
        }
    }

    /// <summary>Moves to the next property name, or to the end of the object.</summary>
    public static bool ReadPropertyName(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

    /// <summary>Moves to the value of a property that may be there once only.</summary>
    public static void ReadOnce(ref Utf8JsonReader reader, bool alreadyRead, string what, string property)
    {
        if (alreadyRead)
        {
            throw new JsonException($"A {what} has '{property}' more than once.");
        }

        reader.Read();
    }

    public static T Required<T>(T? value, string what, string property)
        where T : struct => value ?? throw new JsonException($"A {what} must have '{property}'.");

    public static ulong ReadUInt64(ref Utf8JsonReader reader, string what) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong value)
            ? value
            : throw new JsonException($"The {what} must be a whole number from 0 to 2^64 - 1.");

    public static uint ReadUInt32(ref Utf8JsonReader reader, string what) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetUInt32(out uint value)
            ? value
            : throw new JsonException($"The {what} must be a whole number from 0 to 2^32 - 1.");

    public static bool ReadBoolean(ref Utf8JsonReader reader, string what, string property) => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw new JsonException($"The '{property}' of a {what} must be true or false."),
    };
}
