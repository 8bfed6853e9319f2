using System.Diagnostics;

using Hyperspan.Tool.Metrics;
using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Top;

/// <summary>Looks at a process that serves again and again: on a terminal in one place, else a table after the other.</summary>
internal static class TopRun
{
    /// <summary>Looks so many times, or until it is asked to end.</summary>
    internal static async Task<int> RunAsync(MetricsAddress address, TimeSpan interval, int? count)
    {
        using var termination = new Termination();
        IAnsiConsole console = Terminal.CreateOutput();
        try
        {
            IAsyncEnumerable<TopSample> samples = SamplesAsync(address, interval, count, termination.Token);
            if (console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi)
            {
                await console.Live(new Text($"{address}: the first figures come in {interval.TotalSeconds} s")).AutoClear(false).StartAsync(async context =>
                {
                    await foreach (TopSample sample in samples)
                    {
                        context.UpdateTarget(TopScreen.Render(address.ToString(), sample));
                        context.Refresh();
                    }
                });
            }
            else
            {
                await foreach (TopSample sample in samples)
                {
                    console.Write(TopScreen.Render(address.ToString(), sample));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Asked to end.
        }

        return ExitCode.Success;
    }

    private static async IAsyncEnumerable<TopSample> SamplesAsync(
        MetricsAddress address, TimeSpan interval, int? count, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        MetricsText before = await MetricsClient.ReadAsync(address, cancellationToken);
        for (int i = 0; i != count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await Task.Delay(interval, cancellationToken);
            MetricsText now = await MetricsClient.ReadAsync(address, cancellationToken);
            yield return new TopSample(before, now, Stopwatch.GetElapsedTime(start));
            before = now;
        }
    }
}
