namespace Hyperspan.Snapshots;

/// <summary>Tells a progress how much of the regions lies behind, now and then.</summary>
internal sealed class ProgressMeter(RegionMap regions, IProgress<SnapshotProgress>? progress, ulong before = 0, ulong? total = null)
{
    // A report is an allocation and maybe a switch of threads; nobody looks more often.
    private const long Milliseconds = 50;

    private readonly ulong _total = total ?? regions.TotalBytes;
    private int _region;
    private ulong _passed;
    private long _next;

    /// <summary>Says that a chunk has been dealt with, and all before it.</summary>
    internal void Report(ulong chunk, ulong moved)
    {
        if (progress is null || Environment.TickCount64 < _next)
        {
            return;
        }

        _next = Environment.TickCount64 + Milliseconds;
        ulong last = (chunk << SnapshotFormat.ChunkShift) + (SnapshotFormat.ChunkSize - 1);
        while (_region < regions.All.Count && regions.All[_region].Range.Last!.Value.Value <= last)
        {
            _passed += regions.All[_region++].Range.Length;
        }

        ulong here = 0;
        if (_region < regions.All.Count && regions.All[_region].Range.Start.Value is var start && start <= last)
        {
            here = last - start + 1;
        }

        progress.Report(new SnapshotProgress(before + _passed + here, _total, moved));
    }
}
