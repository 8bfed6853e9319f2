using System.CommandLine;

using Hyperspan.Virtio;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Options that say what becomes of requests that an image failed, in QEMU's words.</summary>
internal static class ErrorPolicyArgument
{
    private const string NoSpace = "enospc";

    internal static Option<DiskErrorPolicy> CreateOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "POLICY",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!TryParse(name, text, out DiskErrorPolicy policy))
            {
                result.AddError($"{name}: '{text}' is not {WordsOf(name)}.");
            }

            return policy;
        },
    };

    /// <summary>Reads a word; there is one more for writes.</summary>
    internal static bool TryParse(string name, string text, out DiskErrorPolicy policy)
    {
        (bool isKnown, policy) = text switch
        {
            "report" => (true, DiskErrorPolicy.Report),
            "ignore" => (true, DiskErrorPolicy.Ignore),
            "stop" => (true, DiskErrorPolicy.Stop),
            NoSpace when IsForWrites(name) => (true, DiskErrorPolicy.StopWhenFull),
            _ => (false, default),
        };
        return isKnown;
    }

    private static string WordsOf(string name) => IsForWrites(name) ? "report, ignore, stop or " + NoSpace : "report, ignore or stop";

    private static bool IsForWrites(string name) => name.EndsWith("werror", StringComparison.Ordinal);
}
