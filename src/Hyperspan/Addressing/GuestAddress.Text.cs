using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

public readonly partial struct GuestAddress : ISpanFormattable, IUtf8SpanFormattable, ISpanParsable<GuestAddress>, IUtf8SpanParsable<GuestAddress>
{
    /// <summary>Parses an address.</summary>
    /// <param name="s">
    /// <c>0x</c> or <c>0X</c> and 1 to 16 hexadecimal digits, or decimal digits; nothing before, between or after them.
    /// </param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The address.</returns>
    /// <exception cref="FormatException"><paramref name="s"/> is of neither form or is above <see cref="MaxValue"/>.</exception>
    public static GuestAddress Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null)
    {
        if (!TryParse(s, provider, out GuestAddress result))
        {
            AddressingThrow.NotAnAddress(s);
        }

        return result;
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    public static GuestAddress Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return Parse(s.AsSpan(), provider);
    }

    /// <summary>Parses an address from UTF-8.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The address.</returns>
    /// <exception cref="FormatException"><paramref name="utf8Text"/> is not an address.</exception>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static GuestAddress Parse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider = null) => Utf8Text.Parse<GuestAddress>(utf8Text, provider);

    /// <summary>Parses an address from UTF-8, without throwing.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The address; <see cref="Zero"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not an address.</returns>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static bool TryParse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider, out GuestAddress result) =>
        Utf8Text.TryParse(utf8Text, provider, out result);

    /// <summary>Parses an address, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="result">The address; <see cref="Zero"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not an address.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, out GuestAddress result) => TryParse(s, provider: null, out result);

    /// <summary>Parses an address, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The address; <see cref="Zero"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not an address.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out GuestAddress result)
    {
        bool parsed = AddressText.TryParse(s, out ulong value);
        result = new(value);
        return parsed;
    }

    /// <summary>Parses an address, without throwing.</summary>
    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, IFormatProvider?, out GuestAddress)" path="/param"/>
    /// <returns><see langword="false"/> if the text is not an address.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out GuestAddress result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Gives <c>0x</c> and 16 hexadecimal digits, as in <c>0x0000000000001000</c>.</summary>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back.</returns>
    public override string ToString() => ToString(format: null);

    /// <summary>Gives the address as text.</summary>
    /// <param name="format">
    /// <see langword="null"/>, empty or <c>G</c>: <c>0x</c> and 16 digits. <c>x</c> or <c>X</c>: <c>0x</c> and as many digits as
    /// needed, lower or upper case. <c>D</c>: decimal.
    /// </param>
    /// <param name="formatProvider">Not used: the text is the same in every culture.</param>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back whatever the format.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public string ToString(string? format, IFormatProvider? formatProvider = null)
    {
        Span<char> text = stackalloc char[AddressText.MaxLength];
        TryFormat(text, out int length, format, formatProvider);
        return new string(text[..length]);
    }

    /// <summary>Writes the address as text, without allocating.</summary>
    /// <param name="destination">Where to write to; 20 characters are enough for every format.</param>
    /// <param name="charsWritten">The number of characters written; zero on failure.</param>
    /// <param name="format">The format, as in <see cref="ToString(string?, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns><see langword="false"/> if <paramref name="destination"/> is too short.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null) =>
        AddressText.TryFormat(Value, AddressText.StyleOf(format), destination, out charsWritten);

    /// <summary>Writes the address as UTF-8, without allocating.</summary>
    /// <param name="utf8Destination">Where to write to; 20 bytes are enough for every format.</param>
    /// <param name="bytesWritten">The number of bytes written; zero on failure.</param>
    /// <param name="format">The format, as in <see cref="ToString(string?, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns><see langword="false"/> if <paramref name="utf8Destination"/> is too short.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public bool TryFormat(
        Span<byte> utf8Destination,
        out int bytesWritten,
        ReadOnlySpan<char> format = default,
        IFormatProvider? provider = null) =>
        AddressText.TryFormat(Value, AddressText.StyleOf(format), utf8Destination, out bytesWritten);
}
