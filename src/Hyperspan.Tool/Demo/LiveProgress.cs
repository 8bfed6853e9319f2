using System.Diagnostics;

using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Demo;

/// <summary>A bar for the step under way, with its throughput, and a line for each that has ended.</summary>
internal sealed class LiveProgress(ProgressContext context) : IDemoProgress
{
    private ProgressTask? _task;
    private long _start;
    private ulong _bytes;
    private long _requests;
    private ulong _total;

    public void Begin(string name, ulong total)
    {
        (_start, _bytes, _requests, _total) = (Stopwatch.GetTimestamp(), 0, 0, total);
        _task = context.AddTask(name, maxValue: Math.Max(total, 1));
        _task.IsIndeterminate = total == 0;
    }

    public void Advance(ulong bytes)
    {
        _bytes += bytes;
        _requests++;
        if (_total != 0)
        {
            _task!.Value = Math.Min(_bytes, _total);
        }

        ShowRate();
    }

    public void End()
    {
        ShowRate();
        _task!.IsIndeterminate = false;
        _task.Value = _task.MaxValue;
        _task.StopTask();
    }

    private void ShowRate()
    {
        TimeSpan time = Stopwatch.GetElapsedTime(_start);

        // Small requests are told by their number, large ones by their bytes.
        string rate = _requests == 0 || _total == 0
            ? ""
            : _bytes / (ulong)_requests < 64 << 10
                ? $"{Units.Count(Units.PerSecond(_requests, time))}/s"
                : Units.ByteRate(_bytes, time);
        _task!.State.Update<Throughput>(RateColumn.Key, _ => new Throughput(rate));
    }
}
