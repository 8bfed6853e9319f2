using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Options whose value is a number of bytes.</summary>
internal static class Sizes
{
    private const string Units = "KMGT";

    /// <summary>Makes an option for a size: bytes, or with K, M, G or T for powers of 1024.</summary>
    internal static Option<ulong> CreateOption(string name, string description, ulong otherwise) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        DefaultValueFactory = _ => otherwise,
        CustomParser = result => Parse(name, result),
    };

    /// <summary>Reads a size that is not zero.</summary>
    internal static bool TryParse(string text, out ulong size) => TryParseAny(text, out size) && size != 0;

    /// <summary>Reads a size, or zero.</summary>
    internal static bool TryParseAny(string text, out ulong size)
    {
        int unit = text.Length == 0 ? -1 : Units.IndexOf(text[^1], StringComparison.OrdinalIgnoreCase);
        int shift = (unit + 1) * 10;
        bool isSize = ulong.TryParse(unit < 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            && number <= ulong.MaxValue >> shift;
        size = isSize ? number << shift : 0;
        return isSize;
    }

    private static ulong Parse(string name, ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (!TryParse(text, out ulong size))
        {
            result.AddError($"{name}: '{text}' is not a size, such as 512M or 2G.");
        }

        return size;
    }
}
