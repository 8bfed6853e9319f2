using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Hyperspan.Virtio;

namespace Hyperspan.Tool.CommandLine;

/// <summary>The option that limits what a disk may do: <c>iops=N,bps=SIZE,burst=SECONDS</c>.</summary>
internal static class ThrottleArgument
{
    private const double LongestBurst = 3600;

    internal static Option<DiskThrottle?> CreateOption() => new("--throttle")
    {
        Description = "Limit the disk: iops=N requests a second, bps=SIZE bytes a second (1M, 2G), or both. "
            + "What is not used is saved up for burst=SECONDS, 0.1 unless said otherwise.",
        HelpName = "LIMITS",
        CustomParser = static result =>
        {
            if (!TryParse(result.Tokens[0].Value, out DiskThrottle? throttle, out string? why))
            {
                result.AddError($"--throttle: {why}.");
            }

            return throttle;
        },
    };

    /// <summary>Reads it.</summary>
    internal static bool TryParse(string text, [NotNullWhen(true)] out DiskThrottle? throttle, [NotNullWhen(false)] out string? why)
    {
        (ulong iops, ulong bps, double burst) = (0, 0, new DiskThrottle().Burst.TotalSeconds);
        throttle = null;
        why = null;
        foreach (string entry in text.Split(','))
        {
            bool isUnderstood = entry.Split('=') switch
            {
                ["iops", string value] => iops == 0 && Sizes.TryParse(value, out iops) && iops <= long.MaxValue,
                ["bps", string value] => bps == 0 && Sizes.TryParse(value, out bps) && bps <= long.MaxValue,
                ["burst", string value] => double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out burst) && burst is >= 0.001 and <= LongestBurst,
                _ => false,
            };
            if (!isUnderstood)
            {
                why = $"'{entry}' is none of iops=N, bps=SIZE and burst=SECONDS (up to an hour)";
                return false;
            }
        }

        if (iops == 0 && bps == 0)
        {
            why = $"'{text}' limits nothing: say iops=N or bps=SIZE";
            return false;
        }

        throttle = new DiskThrottle { RequestsPerSecond = (long)iops, BytesPerSecond = (long)bps, Burst = TimeSpan.FromSeconds(burst) };
        return true;
    }
}
