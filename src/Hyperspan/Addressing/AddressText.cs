using System.Globalization;
using System.Numerics;

namespace Hyperspan;

/// <summary>The text of addresses and ranges, written alike as UTF-16 and as UTF-8.</summary>
internal static class AddressText
{
    /// <summary>The longest text of one address: 2^64 - 1 in decimal.</summary>
    public const int MaxLength = 20;

    /// <summary>The longest text of a range: two addresses and the dash between them.</summary>
    public const int MaxRangeLength = (2 * MaxLength) + 1;

    private const string PastLastHex = "0x10000000000000000";
    private const string PastLastDecimal = "18446744073709551616";
    private const int PrefixLength = 2;
    private const int MaxHexDigits = 16;

    public static AddressStyle StyleOf(ReadOnlySpan<char> format, AddressStyle general = AddressStyle.Padded)
    {
        if (format.IsEmpty)
        {
            return general;
        }

        if (format.Length == 1)
        {
            switch (format[0])
            {
                case 'G' or 'g':
                    return general;
                case 'x':
                    return AddressStyle.LowerHex;
                case 'X':
                    return AddressStyle.UpperHex;
                case 'D' or 'd':
                    return AddressStyle.Decimal;
            }
        }

        AddressingThrow.UnknownFormat(format, "G, x, X and D");
        return default;
    }

    public static bool TryFormat<TChar>(ulong value, AddressStyle style, Span<TChar> destination, out int written)
        where TChar : unmanaged, IBinaryInteger<TChar>
    {
        bool isDecimal = style == AddressStyle.Decimal;
        int prefix = isDecimal ? 0 : PrefixLength;
        int digits = style switch
        {
            AddressStyle.Padded => MaxHexDigits,
            AddressStyle.Decimal => DecimalDigits(value),
            _ => HexDigits(value),
        };
        if (destination.Length < prefix + digits)
        {
            written = 0;
            return false;
        }

        if (!isDecimal)
        {
            destination[1] = TChar.CreateTruncating('x');
            destination[0] = TChar.CreateTruncating('0');
        }

        ReadOnlySpan<byte> alphabet = style == AddressStyle.UpperHex ? "0123456789ABCDEF"u8 : "0123456789abcdef"u8;
        ulong radix = isDecimal ? 10u : 16u;
        for (int i = prefix + digits - 1; i >= prefix; i--)
        {
            (value, ulong digit) = Math.DivRem(value, radix);
            destination[i] = TChar.CreateTruncating(alphabet[(int)digit]);
        }

        written = prefix + digits;
        return true;
    }

    public static bool TryFormat<TChar>(GuestRange range, AddressStyle style, Span<TChar> destination, out int written)
        where TChar : unmanaged, IBinaryInteger<TChar>
    {
        written = 0;
        if (!TryFormat(range.Start.Value, style, destination, out int first) || first == destination.Length)
        {
            return false;
        }

        destination[first] = TChar.CreateTruncating('-');
        Span<TChar> rest = destination[(first + 1)..];
        bool hasLastByte = range.Last == GuestAddress.MaxValue;
        if (!(hasLastByte ? TryFormatPastLast(style, rest, out int second) : TryFormat(range.End.Value, style, rest, out second)))
        {
            return false;
        }

        written = first + 1 + second;
        return true;
    }

    /// <summary>Whether a text is 2^64, the end of a range that has the last byte.</summary>
    public static bool IsPastLast(ReadOnlySpan<char> text) =>
        text.Equals(PastLastHex, StringComparison.OrdinalIgnoreCase) || text.SequenceEqual(PastLastDecimal);

    public static bool TryParse(ReadOnlySpan<char> text, out ulong value)
    {
        if (!text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return TryParseDecimal(text, out value);
        }

        ReadOnlySpan<char> digits = text[PrefixLength..];
        value = 0;
        return digits.Length <= MaxHexDigits && TryParseDigits(digits, NumberStyles.AllowHexSpecifier, out value);
    }

    public static bool TryParseDecimal(ReadOnlySpan<char> text, out ulong value) =>
        TryParseDigits(text, NumberStyles.None, out value);

    private static bool TryFormatPastLast<TChar>(AddressStyle style, Span<TChar> destination, out int written)
        where TChar : unmanaged, IBinaryInteger<TChar>
    {
        string text = style == AddressStyle.Decimal ? PastLastDecimal : PastLastHex;
        written = 0;
        if (destination.Length < text.Length)
        {
            return false;
        }

        foreach (char c in text)
        {
            destination[written++] = TChar.CreateTruncating(c);
        }

        return true;
    }

    private static bool TryParseDigits(ReadOnlySpan<char> digits, NumberStyles style, out ulong value)
    {
        value = 0;

        // .NET passes over NUL characters at the end of a number; "nothing after the digits" is meant here.
        return digits is not [.., '\0'] && ulong.TryParse(digits, style, CultureInfo.InvariantCulture, out value);
    }

    private static int HexDigits(ulong value) => (BitOperations.Log2(value) / 4) + 1;

    private static int DecimalDigits(ulong value)
    {
        int digits = 1;
        while (value >= 10)
        {
            value /= 10;
            digits++;
        }

        return digits;
    }
}
