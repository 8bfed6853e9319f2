using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

public readonly partial struct GuestRange : ISpanFormattable, IUtf8SpanFormattable, ISpanParsable<GuestRange>, IUtf8SpanParsable<GuestRange>
{
    /// <summary>Parses a range.</summary>
    /// <param name="s">
    /// Two addresses with a dash between them, as in <c>0x1000-0x2000</c>: the first address of the range and the first one past
    /// it, each as <see cref="GuestAddress.Parse(ReadOnlySpan{char}, IFormatProvider?)"/> wants it.
    /// </param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The range.</returns>
    /// <exception cref="FormatException"><paramref name="s"/> is not of this form, or its end is below its start.</exception>
    public static GuestRange Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null)
    {
        if (!TryParse(s, provider, out GuestRange result))
        {
            AddressingThrow.NotARange(s);
        }

        return result;
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    public static GuestRange Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return Parse(s.AsSpan(), provider);
    }

    /// <summary>Parses a range from UTF-8.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The range.</returns>
    /// <exception cref="FormatException"><paramref name="utf8Text"/> is not a range.</exception>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static GuestRange Parse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider = null) => Utf8Text.Parse<GuestRange>(utf8Text, provider);

    /// <summary>Parses a range from UTF-8, without throwing.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The range; empty at zero on failure.</param>
    /// <returns><see langword="false"/> if the text is not a range.</returns>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static bool TryParse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider, out GuestRange result) =>
        Utf8Text.TryParse(utf8Text, provider, out result);

    /// <summary>Parses a range, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="result">The range; empty at zero on failure.</param>
    /// <returns><see langword="false"/> if the text is not a range.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, out GuestRange result) => TryParse(s, provider: null, out result);

    /// <summary>Parses a range, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The range; empty at zero on failure.</param>
    /// <returns><see langword="false"/> if the text is not a range.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out GuestRange result)
    {
        int dash = s.IndexOf('-');
        if (dash >= 0
            && GuestAddress.TryParse(s[..dash], provider, out GuestAddress start))
        {
            ReadOnlySpan<char> rest = s[(dash + 1)..];
            if (AddressText.IsPastLast(rest) && start > GuestAddress.Zero)
            {
                result = new GuestRange(start, 0 - start.Value);
                return true;
            }

            if (GuestAddress.TryParse(rest, provider, out GuestAddress end) && start <= end)
            {
                result = FromBounds(start, end);
                return true;
            }
        }

        result = default;
        return false;
    }

    /// <summary>Parses a range, without throwing.</summary>
    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, IFormatProvider?, out GuestRange)" path="/param"/>
    /// <returns><see langword="false"/> if the text is not a range.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out GuestRange result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Gives the bounds in hexadecimal, the end exclusive, as in <c>0x1000-0x2000</c>.</summary>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back.</returns>
    public override string ToString() => ToString(format: null);

    /// <summary>Gives the range as text.</summary>
    /// <param name="format">
    /// <see langword="null"/>, empty, <c>G</c> or <c>x</c>: hexadecimal. <c>X</c>: hexadecimal with upper-case digits. <c>D</c>:
    /// decimal.
    /// </param>
    /// <param name="formatProvider">Not used: the text is the same in every culture.</param>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back whatever the format.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public string ToString(string? format, IFormatProvider? formatProvider = null)
    {
        Span<char> text = stackalloc char[AddressText.MaxRangeLength];
        TryFormat(text, out int length, format, formatProvider);
        return new string(text[..length]);
    }

    /// <summary>Writes the range as text, without allocating.</summary>
    /// <param name="destination">Where to write to; 41 characters are enough for every format.</param>
    /// <param name="charsWritten">The number of characters written; zero on failure.</param>
    /// <param name="format">The format, as in <see cref="ToString(string?, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns><see langword="false"/> if <paramref name="destination"/> is too short.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null) =>
        AddressText.TryFormat(this, AddressText.StyleOf(format, AddressStyle.LowerHex), destination, out charsWritten);

    /// <summary>Writes the range as UTF-8, without allocating.</summary>
    /// <param name="utf8Destination">Where to write to; 41 bytes are enough for every format.</param>
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
        AddressText.TryFormat(this, AddressText.StyleOf(format, AddressStyle.LowerHex), utf8Destination, out bytesWritten);
}
