using System.CommandLine;
using System.CommandLine.Parsing;

using Hyperspan.Tool.Metrics;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Where figures are read.</summary>
internal static class MetricsArgument
{
    internal static Option<MetricsAddress?> CreateOption(string description) => new("--metrics")
    {
        Description = description,
        HelpName = "WHERE",
        CustomParser = static result => Parse("--metrics", result),
    };

    internal static Argument<MetricsAddress?> CreateArgument(string description) => new("where")
    {
        Description = description,
        HelpName = "WHERE",
        CustomParser = static result => Parse("WHERE", result),
    };

    private static MetricsAddress? Parse(string name, ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (!MetricsAddress.TryParse(text, out MetricsAddress? address))
        {
            result.AddError($"{name}: '{text}' is not {MetricsAddress.Form}.");
        }

        return address;
    }
}
