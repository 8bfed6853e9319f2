namespace Hyperspan.Tool.Output;

/// <summary>Text that came with a file, as it may be shown: without what a terminal would obey.</summary>
internal static class Printable
{
    internal static string Of(string text) => string.Create(text.Length, text, static (to, from) =>
    {
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = char.IsControl(from[i]) ? '?' : from[i];
        }
    });
}
