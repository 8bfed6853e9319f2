using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Hyperspan;

/// <summary>Parses UTF-8 by what parses UTF-16: texts of addresses and ranges are short.</summary>
internal static class Utf8Text
{
    private const int Short = 128;

    public static T Parse<T>(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider)
        where T : ISpanParsable<T> =>
        TryParse<T>(utf8Text, provider, out var result) ? result : T.Parse(Encoding.UTF8.GetString(utf8Text), provider);

    public static bool TryParse<T>(ReadOnlySpan<byte> utf8Text, IFormatProvider? provider, [MaybeNullWhen(false)] out T result)
        where T : ISpanParsable<T>
    {
        Span<char> text = utf8Text.Length <= Short ? stackalloc char[Short] : new char[utf8Text.Length];
        return T.TryParse(text[..Encoding.UTF8.GetChars(utf8Text, text)], provider, out result);
    }
}
