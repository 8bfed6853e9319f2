namespace Hyperspan.Tool.Output;

/// <summary>How a part of memory is drawn by how much of it is used.</summary>
internal static class UsageGlyph
{
    /// <summary>Gets the marks from little to all, for a legend.</summary>
    internal static string Marks(bool unicode) => unicode ? "░▒▓█" : ":+*#";

    /// <summary>Gets the mark of a part of which nothing is used.</summary>
    internal static char Unused(bool unicode) => unicode ? '·' : '.';

    /// <summary>Gets the mark of a part.</summary>
    internal static char Of(ulong used, ulong all, bool unicode) =>
        used == 0 ? Unused(unicode) : Marks(unicode)[(int)UInt128.Min((UInt128)used * 4 / Math.Max(all, 1), 3)];
}
