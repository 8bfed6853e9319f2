using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Options whose value is a set of bits.</summary>
internal static class Masks
{
    /// <summary>Makes an option for a mask: hexadecimal with <c>0x</c>, or decimal. All bits are set where it is not given.</summary>
    internal static Option<ulong> CreateOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "MASK",
        Hidden = true,
        DefaultValueFactory = static _ => ulong.MaxValue,
        CustomParser = result => Parse(name, result),
    };

    private static ulong Parse(string name, ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        bool isHexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (ulong.TryParse(
            isHexadecimal ? text.AsSpan(2) : text,
            isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ulong mask))
        {
            return mask;
        }

        result.AddError($"{name}: '{text}' is not a mask of 64 bits, such as 0x140000000.");
        return 0;
    }
}
