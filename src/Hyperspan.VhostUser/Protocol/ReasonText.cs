using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hyperspan.VhostUser;

/// <summary>The text of a <see cref="ProtocolViolation"/>. Where the condition holds, nothing of it is evaluated: a good message costs no text.</summary>
[InterpolatedStringHandler]
internal ref struct ReasonText
{
    private DefaultInterpolatedStringHandler _text;

    /// <summary>Called by the compiler before the parts of the text; <paramref name="wanted"/> says whether they are evaluated at all.</summary>
    public ReasonText(int literalLength, int formattedCount, bool condition, out bool wanted)
    {
        wanted = !condition;
        _text = condition ? default : new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    internal string ToStringAndClear() => _text.ToStringAndClear();
}
