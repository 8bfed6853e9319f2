using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>What a guest may do with a range of its memory.</summary>
/// <remarks>
/// Printed as <c>rwx</c>, with <c>-</c> for what is not allowed; in JSON <c>{"read":true,"write":true,"execute":false}</c>. The
/// default value is <see cref="None"/>. Immutable, so safe to use from any thread.
/// </remarks>
[JsonConverter(typeof(ProtectionJsonConverter))]
public readonly record struct Protection : ISpanFormattable, IUtf8SpanFormattable, ISpanParsable<Protection>, IUtf8SpanParsable<Protection>
{
    private const int TextLength = 3;

    /// <summary>Creates a protection.</summary>
    /// <param name="read">Whether the guest may read.</param>
    /// <param name="write">Whether the guest may write.</param>
    /// <param name="execute">Whether the guest may execute.</param>
    public Protection(bool read, bool write, bool execute)
    {
        CanRead = read;
        CanWrite = write;
        CanExecute = execute;
    }

    /// <summary>No access, <c>---</c>.</summary>
    public static Protection None => default;

    /// <summary>Reading alone, <c>r--</c>.</summary>
    public static Protection Read => new(read: true, write: false, execute: false);

    /// <summary>Reading and writing, <c>rw-</c>.</summary>
    public static Protection ReadWrite => new(read: true, write: true, execute: false);

    /// <summary>Reading and executing, <c>r-x</c>: the text of a kernel, a ROM.</summary>
    public static Protection ReadExecute => new(read: true, write: false, execute: true);

    /// <summary>Everything, <c>rwx</c>.</summary>
    public static Protection ReadWriteExecute => new(read: true, write: true, execute: true);

    /// <summary>Whether the guest may read.</summary>
    public bool CanRead { get; init; }

    /// <summary>Whether the guest may write.</summary>
    public bool CanWrite { get; init; }

    /// <summary>Whether the guest may execute.</summary>
    public bool CanExecute { get; init; }

    /// <summary>Parses a protection.</summary>
    /// <param name="s">Three characters: <c>r</c> or <c>-</c>, <c>w</c> or <c>-</c>, <c>x</c> or <c>-</c>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The protection.</returns>
    /// <exception cref="FormatException"><paramref name="s"/> is not of this form.</exception>
    public static Protection Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null)
    {
        if (!TryParse(s, provider, out Protection result))
        {
            AddressingThrow.NotAProtection(s);
        }

        return result;
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    public static Protection Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return Parse(s.AsSpan(), provider);
    }

    /// <summary>Parses a protection from UTF-8.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns>The protection.</returns>
    /// <exception cref="FormatException"><paramref name="utf8Text"/> is not a protection.</exception>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static Protection Parse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider = null) => Utf8Text.Parse<Protection>(utf8Text, provider);

    /// <summary>Parses a protection from UTF-8, without throwing.</summary>
    /// <param name="utf8Text">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The protection; <see cref="None"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not a protection.</returns>
    [OverloadResolutionPriority(-1)] // A null literal is a string.
    public static bool TryParse(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider, out Protection result) =>
        Utf8Text.TryParse(utf8Text, provider, out result);

    /// <summary>Parses a protection, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="result">The protection; <see cref="None"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not a protection.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, out Protection result) => TryParse(s, provider: null, out result);

    /// <summary>Parses a protection, without throwing.</summary>
    /// <param name="s">The text, as in <see cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <param name="result">The protection; <see cref="None"/> on failure.</param>
    /// <returns><see langword="false"/> if the text is not a protection.</returns>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Protection result)
    {
        bool parsed = s is ['r' or '-', 'w' or '-', 'x' or '-'];
        result = parsed ? new(s[0] == 'r', s[1] == 'w', s[2] == 'x') : default;
        return parsed;
    }

    /// <summary>Parses a protection, without throwing.</summary>
    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, IFormatProvider?, out Protection)" path="/param"/>
    /// <returns><see langword="false"/> if the text is not a protection.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Protection result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Gives three characters, as in <c>rw-</c>.</summary>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back.</returns>
    public override string ToString() => ToString(format: null);

    /// <summary>Gives three characters, as in <c>rw-</c>.</summary>
    /// <param name="format"><see langword="null"/>, empty or <c>G</c>.</param>
    /// <param name="formatProvider">Not used: the text is the same in every culture.</param>
    /// <returns>The text, which <see cref="Parse(string, IFormatProvider?)"/> reads back.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public string ToString(string? format, IFormatProvider? formatProvider = null)
    {
        Span<char> text = stackalloc char[TextLength];
        TryFormat(text, out int length, format, formatProvider);
        return new string(text[..length]);
    }

    /// <summary>Writes the protection as text, without allocating.</summary>
    /// <param name="destination">Where to write to.</param>
    /// <param name="charsWritten">3; zero on failure.</param>
    /// <param name="format">Empty or <c>G</c>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns><see langword="false"/> if <paramref name="destination"/> is too short.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null) =>
        TryWrite(destination, out charsWritten, format);

    /// <summary>Writes the protection as UTF-8, without allocating.</summary>
    /// <param name="utf8Destination">Where to write to.</param>
    /// <param name="bytesWritten">3; zero on failure.</param>
    /// <param name="format">Empty or <c>G</c>.</param>
    /// <param name="provider">Not used: the text is the same in every culture.</param>
    /// <returns><see langword="false"/> if <paramref name="utf8Destination"/> is too short.</returns>
    /// <exception cref="FormatException">There is no such format.</exception>
    public bool TryFormat(
        Span<byte> utf8Destination,
        out int bytesWritten,
        ReadOnlySpan<char> format = default,
        IFormatProvider? provider = null) =>
        TryWrite(utf8Destination, out bytesWritten, format);

    private bool TryWrite<TChar>(Span<TChar> destination, out int written, ReadOnlySpan<char> format)
        where TChar : unmanaged, IBinaryInteger<TChar>
    {
        if (format is not ([] or ['G' or 'g']))
        {
            AddressingThrow.UnknownFormat(format, "G");
        }

        if (destination.Length < TextLength)
        {
            written = 0;
            return false;
        }

        destination[2] = TChar.CreateTruncating(CanExecute ? 'x' : '-');
        destination[1] = TChar.CreateTruncating(CanWrite ? 'w' : '-');
        destination[0] = TChar.CreateTruncating(CanRead ? 'r' : '-');
        written = TextLength;
        return true;
    }
}
