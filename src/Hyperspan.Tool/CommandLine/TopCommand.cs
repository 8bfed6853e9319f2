using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

using Hyperspan.Tool.Metrics;
using Hyperspan.Tool.Top;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan top</c></summary>
internal static class TopCommand
{
    private const double ShortestInterval = 0.01;
    private const double LongestInterval = 3600;

    internal static Command Create()
    {
        Argument<MetricsAddress?> where = MetricsArgument.CreateArgument("What was said to --metrics of the process that serves: " + MetricsAddress.Form + ".");
        var interval = new Option<double>("--interval")
        {
            Description = "The seconds between two looks.",
            HelpName = "SECONDS",
            DefaultValueFactory = static _ => 1,
            CustomParser = ParseInterval,
        };
        var count = new Option<int?>("--count")
        {
            Description = "End after so many tables; otherwise at Ctrl-C.",
            HelpName = "N",
            CustomParser = ParseCount,
        };

        var command = new DocumentedCommand("top", "Show what a process that serves is doing: requests, bytes and times of each disk, again and again.")
        {
            Examples =
            [
                ("hyperspan serve block --socket /tmp/disk.sock --image disk.img --metrics 127.0.0.1:9464", "Serve a disk whose figures can be read."),
                ("hyperspan top 127.0.0.1:9464", "Watch it on a terminal."),
                ("hyperspan top 127.0.0.1:9464 --count 1", "Write one table."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "ended by Ctrl-C, or after the tables that were asked for"),
                (ExitCode.Failure, "nobody answers there, or no longer"),
                (ExitCode.BadInput, "wrong arguments"),
            ],
        };
        command.Add(where);
        command.Add(interval);
        command.Add(count);
        command.SetAction(result =>
            TopRun.RunAsync(result.GetRequiredValue(where)!, TimeSpan.FromSeconds(result.GetValue(interval)), result.GetValue(count)).GetAwaiter().GetResult());
        return command;
    }

    private static double ParseInterval(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds is >= ShortestInterval and <= LongestInterval)
        {
            return seconds;
        }

        result.AddError(string.Create(CultureInfo.InvariantCulture, $"--interval: '{text}' is not from {ShortestInterval} to {LongestInterval} seconds."));
        return 1;
    }

    private static int? ParseCount(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1)
        {
            return count;
        }

        result.AddError($"--count: '{text}' is not a number from 1.");
        return null;
    }
}
