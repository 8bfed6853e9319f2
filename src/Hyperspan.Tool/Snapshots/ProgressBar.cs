using System.Diagnostics;

using Hyperspan.Snapshots;
using Hyperspan.Tool.Demo;
using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Snapshots;

/// <summary>A bar on standard error with the throughput, where somebody watches.</summary>
internal sealed class ProgressBar : IProgress<SnapshotProgress>
{
    private readonly ProgressTask _task;
    private readonly long _start = Stopwatch.GetTimestamp();

    private ProgressBar(ProgressTask task) => _task = task;

    /// <summary>Runs something that takes time, and shows how far it has come.</summary>
    internal static T Run<T>(string name, Func<IProgress<SnapshotProgress>?, Task<T>> work)
    {
        IAnsiConsole console = Terminal.CreateError();
        if (!console.Profile.Out.IsTerminal || !console.Profile.Capabilities.Ansi)
        {
            return work(null).GetAwaiter().GetResult();
        }

        return console.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { Width = Math.Clamp(console.Profile.Width - 40, 10, 40) },
                new PercentageColumn(),
                new RateColumn())
            .StartAsync(context => work(new ProgressBar(context.AddTask(name))))
            .GetAwaiter()
            .GetResult();
    }

    /// <summary>As the other, for what has no result.</summary>
    internal static void Run(string name, Func<IProgress<SnapshotProgress>?, Task> work) => Run<bool>(name, async progress =>
    {
        await work(progress);
        return true;
    });

    public void Report(SnapshotProgress value)
    {
        _task.Value = value.Total == 0 ? 100 : 100.0 * value.Done / value.Total;
        string rate = Units.ByteRate(value.Moved, Stopwatch.GetElapsedTime(_start));
        _task.State.Update<Throughput>(RateColumn.Key, _ => new Throughput(rate));
    }
}
