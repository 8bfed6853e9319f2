using System.Globalization;
using System.Text;

namespace Hyperspan.Tool.Output;

/// <summary>
/// Text that came with a file, or from whoever named one, as it may be shown: without what a terminal would obey, what makes two lines of one, or what turns text around.
/// </summary>
internal static class Printable
{
    internal static string Of(string text)
    {
        if (!text.EnumerateRunes().Any(IsHidden))
        {
            return text;
        }

        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            shown.Append(IsHidden(rune) ? "?" : rune.ToString());
        }

        return shown.ToString();
    }

    private static bool IsHidden(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
