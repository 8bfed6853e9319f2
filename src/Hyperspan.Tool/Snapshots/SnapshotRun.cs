using System.Diagnostics;

using Hyperspan.Dumps;
using Hyperspan.Snapshots;
using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Snapshots;

/// <summary>What the commands on snapshots do.</summary>
internal static class SnapshotRun
{
    private const int ShownRanges = 50;

    internal static int Save(string memoryPath, string path, string? since, bool compress, bool json, CancellationToken cancellationToken)
    {
        InputFiles.RequireWritable(path);
        using GuestMemorySnapshot? earlier = since is null ? null : InputFiles.OpenSnapshot(since);
        var options = new SnapshotSaveOptions { Since = earlier, Compress = compress };
        long start = Stopwatch.GetTimestamp();
        SaveFrom(memoryPath, path, options, cancellationToken);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        using GuestMemorySnapshot saved = InputFiles.OpenSnapshot(path);
        SnapshotReport report = Describe(saved, out IReadOnlyList<UsedMemory> used) with { Seconds = time.TotalSeconds };
        return Write(report, used, $"Saved {path}: {SizeOf(report)}, in {Units.Duration(time)}", json);
    }

    internal static int Restore(string path, string memoryPath, bool json, CancellationToken cancellationToken)
    {
        using GuestMemorySnapshot snapshot = InputFiles.OpenSnapshot(path);
        InputFiles.RequireWritable(memoryPath);
        long start = Stopwatch.GetTimestamp();
        ProgressBar.Run("restore", progress => snapshot.RestoreFileAsync(memoryPath, progress, cancellationToken));
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        SnapshotReport report = Describe(snapshot, out IReadOnlyList<UsedMemory> used) with { Seconds = time.TotalSeconds };
        return Write(
            report,
            used,
            $"Restored {memoryPath}: {Units.Bytes(report.MemoryBytes)} with {Units.Bytes(report.StoredBytes)} that are not zero, in {Units.Duration(time)}",
            json);
    }

    internal static int Verify(IReadOnlyList<string> paths, bool json, CancellationToken cancellationToken)
    {
        var reports = new List<SnapshotReport>();
        int code = ExitCode.Success;
        foreach (string path in paths)
        {
            try
            {
                using GuestMemorySnapshot snapshot = InputFiles.OpenSnapshot(path, [.. paths.Where(other => other != path && InputFiles.IsSnapshot(other))]);
                long start = Stopwatch.GetTimestamp();
                ProgressBar.Run("verify", progress => snapshot.VerifyAsync(progress, cancellationToken));
                TimeSpan time = Stopwatch.GetElapsedTime(start);
                SnapshotReport report = Describe(snapshot, out _) with { Verified = true, Seconds = time.TotalSeconds };
                reports.Add(report);
                if (!json)
                {
                    string files = report.Chain.Count == 1 ? "" : $" with the {Units.Things(report.Chain.Count - 1, "snapshot")} it is a difference to";
                    Terminal.WriteLine($"{path}: verified{files}, {Units.Bytes(report.StoredBytes)} of {Units.Bytes(report.MemoryBytes)} stored, in {Units.Duration(time)}");
                }
            }
            catch (InvalidSnapshotException e) when (e.IsDamaged)
            {
                Terminal.Error(e.Message);
                reports.Add(new SnapshotReport
                {
                    Path = path,
                    Id = Guid.Empty,
                    CreatedAt = DateTimeOffset.UnixEpoch,
                    FileBytes = (ulong)new FileInfo(path).Length,
                    MemoryBytes = 0,
                    StoredBytes = 0,
                    Regions = [],
                    Sections = [],
                    Chain = [path],
                    Verified = false,
                    Error = e.Message,
                });
                code = ExitCode.Failure;
            }
        }

        if (json)
        {
            JsonOutput.Write(reports, SnapshotJsonContext.Default.IReadOnlyListSnapshotReport);
        }

        return code;
    }

    internal static int Info(IReadOnlyList<string> paths, bool json)
    {
        var reports = new List<SnapshotReport>();
        foreach (string path in paths)
        {
            using GuestMemorySnapshot snapshot = InputFiles.OpenSnapshot(path, [.. paths.Where(other => other != path && InputFiles.IsSnapshot(other))]);
            SnapshotReport report = Describe(snapshot, out IReadOnlyList<UsedMemory> used);
            reports.Add(report);
            if (!json)
            {
                WriteInfo(Terminal.CreateOutput(), report, used);
            }
        }

        if (json)
        {
            JsonOutput.Write(reports, SnapshotJsonContext.Default.IReadOnlyListSnapshotReport);
        }

        return ExitCode.Success;
    }

    internal static int Diff(IReadOnlyList<string> paths, bool json)
    {
        if (paths.Count > 2)
        {
            throw new InvalidInputException("diff compares two snapshots, or shows one against the snapshot that it is a difference to");
        }

        string last = paths[^1];
        using GuestMemorySnapshot two = InputFiles.OpenSnapshot(last, paths.Count == 2 && InputFiles.IsSnapshot(paths[0]) ? [paths[0]] : []);
        if (paths.Count == 1 && two.Chain.Count == 1)
        {
            throw new InvalidInputException($"{last}: is a full snapshot; name another one to compare it with");
        }

        using GuestMemorySnapshot one = paths.Count == 2 ? InputFiles.OpenSnapshot(paths[0], [last]) : InputFiles.OpenSnapshot(two.Chain[1], two.Chain.Skip(2).ToList());
        var ranges = new List<GuestRange>();
        ulong bytes = 0;
        long count = 0;
        IReadOnlyList<UsedMemory> used = ProgressBar.Run("compare", progress => Task.Run(() => UsedMemory.Count(two.Regions, Tell(two.GetDifferences(one, progress)))));
        if (json)
        {
            JsonOutput.Write(new DifferenceReport(one.Path, last, bytes, ranges), SnapshotJsonContext.Default.DifferenceReport);
            return ExitCode.Success;
        }

        foreach (GuestRange range in ranges)
        {
            Terminal.WriteLine($"{range} {Units.Bytes(range.Length)}");
        }

        if (count > ranges.Count)
        {
            Terminal.WriteLine($"... and {Units.Things(count - ranges.Count, "range")} more; --json lists all");
        }

        Terminal.WriteLine(count == 0
            ? $"{one.Path} and {last} hold the same memory."
            : $"{one.Path} and {last} differ in {Units.Bytes(bytes)} in {Units.Things(count, "range")}.");
        if (count != 0)
        {
            UsedMemoryPicture.Write(Terminal.CreateOutput(), used, "different");
        }

        return ExitCode.Success;

        IEnumerable<GuestRange> Tell(IEnumerable<GuestRange> differences)
        {
            foreach (GuestRange range in differences)
            {
                count++;
                bytes += range.Length;
                if (json || ranges.Count < ShownRanges)
                {
                    ranges.Add(range);
                }

                yield return range;
            }
        }
    }

    internal static int Merge(IReadOnlyList<string> paths, string? output, bool compress, bool json, CancellationToken cancellationToken)
    {
        // Of several, the last is where the result goes, unless that is said otherwise or it is part of the chain: then it takes the newest one's place.
        IReadOnlyList<string> inputs = paths;
        if (output is null)
        {
            bool lastIsInput = paths.Count == 1 || (File.Exists(paths[^1]) && InputFiles.IsSnapshot(paths[^1]) && IsChain(paths));
            if (!lastIsInput && File.Exists(paths[^1]))
            {
                throw new InvalidInputException($"{paths[^1]}: exists already, and is no difference to {paths[^2]}; give it by --output to replace it");
            }

            inputs = lastIsInput ? paths : [.. paths.SkipLast(1)];
            output = paths[^1];
        }

        InputFiles.RequireWritable(output);
        using GuestMemorySnapshot newest = InputFiles.OpenSnapshot(inputs[^1], [.. inputs.SkipLast(1)]);
        foreach (string path in inputs.SkipLast(1))
        {
            using GuestMemorySnapshot given = InputFiles.OpenSnapshot(path, [.. inputs.Where(other => other != path)]);
            if (!newest.ConsistsOf(given.Id))
            {
                throw new InvalidInputException($"{inputs[^1]}: is no difference to {path}");
            }
        }

        long start = Stopwatch.GetTimestamp();
        ProgressBar.Run("merge", progress => newest.MergeAsync(output, compress, progress, cancellationToken));
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        using GuestMemorySnapshot merged = InputFiles.OpenSnapshot(output);
        SnapshotReport report = Describe(merged, out IReadOnlyList<UsedMemory> used) with { Seconds = time.TotalSeconds };
        return Write(report, used, $"Merged {Units.Things(newest.Chain.Count, "snapshot")} into {output}: {SizeOf(report)}, in {Units.Duration(time)}", json);
    }

    /// <summary>Saves what a file holds: the bare memory, a dump or a snapshot.</summary>
    private static void SaveFrom(string source, string path, SnapshotSaveOptions options, CancellationToken cancellationToken)
    {
        if (InputFiles.IsSnapshot(source))
        {
            using GuestMemorySnapshot snapshot = InputFiles.OpenSnapshot(source);
            ProgressBar.Run("save", progress => snapshot.SaveAsync(path, options, progress, cancellationToken));
            return;
        }

        using (GuestMemoryDump dump = InputFiles.OpenDump(source))
        {
            if (dump.Format != DumpFormat.Raw)
            {
                ProgressBar.Run("save", progress => dump.SaveSnapshotAsync(path, options, progress, cancellationToken));
                return;
            }
        }

        using GuestMemory memory = InputFiles.OpenMemory(source);
        ProgressBar.Run("save", progress => GuestMemorySnapshot.SaveAsync(memory, path, options, progress, cancellationToken));
    }

    private static bool IsChain(IReadOnlyList<string> paths)
    {
        using GuestMemorySnapshot newest = InputFiles.OpenSnapshot(paths[^1], [.. paths.SkipLast(1).Where(InputFiles.IsSnapshot)]);
        return newest.Chain.Count > 1 && paths.SkipLast(1).All(path => newest.Chain.Contains(path, StringComparer.Ordinal) || Consists(path));

        bool Consists(string path)
        {
            using GuestMemorySnapshot one = InputFiles.OpenSnapshot(path, [.. paths.Where(other => other != path && InputFiles.IsSnapshot(other))]);
            return newest.ConsistsOf(one.Id);
        }
    }

    private static string SizeOf(SnapshotReport report) => report.ChangedBytes is { } changed
        ? $"{Units.Bytes(changed)} that differ of {Units.Bytes(report.MemoryBytes)}, {Units.Bytes(report.FileBytes)} in the file"
        : $"{Units.Bytes(report.StoredBytes)} that are not zero of {Units.Bytes(report.MemoryBytes)}, {Units.Bytes(report.FileBytes)} in the file";

    private static SnapshotReport Describe(GuestMemorySnapshot snapshot, out IReadOnlyList<UsedMemory> used)
    {
        used = UsedMemory.Count(snapshot.Regions, snapshot.GetStoredRanges());
        return new SnapshotReport
        {
            Path = snapshot.Path,
            Id = snapshot.Id,
            Parent = snapshot.ParentId,
            CreatedAt = snapshot.CreatedAt,
            FileBytes = snapshot.FileBytes,
            MemoryBytes = Sum(snapshot.Regions.Select(region => region.Range.Length)),
            StoredBytes = Sum(used.Select(region => region.Bytes)),
            ChangedBytes = snapshot.ParentId is null ? null : Sum(snapshot.GetOwnRanges().Select(range => range.Length)),
            Regions = [.. used.Select(one => new SnapshotRegionReport(
                one.Region.Range.Start, one.Region.Range.Length, one.Region.Name, one.Region.PageSize, one.Bytes))],
            Sections = [.. snapshot.Sections.Select(section => new SnapshotSectionReport(section.Name, section.Length))],
            Chain = snapshot.Chain,
        };
    }

    private static ulong Sum(IEnumerable<ulong> numbers) => numbers.Aggregate(0UL, static (sum, number) => unchecked(sum + number));

    private static int Write(SnapshotReport report, IReadOnlyList<UsedMemory> used, string sentence, bool json)
    {
        if (json)
        {
            JsonOutput.Write(report, SnapshotJsonContext.Default.SnapshotReport);
        }
        else
        {
            Terminal.WriteLine(sentence + ".");
            UsedMemoryPicture.Write(Terminal.CreateOutput(), used, "stored");
        }

        return ExitCode.Success;
    }

    private static void WriteInfo(IAnsiConsole console, SnapshotReport report, IReadOnlyList<UsedMemory> used)
    {
        Terminal.WriteLine($"{report.Path}: {(report.Parent is null ? "full snapshot" : "difference")} of {report.CreatedAt:yyyy-MM-dd HH:mm:ss} UTC");
        Terminal.WriteLine($"  identity {report.Id}");
        foreach (string earlier in report.Chain.Skip(1))
        {
            Terminal.WriteLine($"  needs {earlier}");
        }

        Terminal.WriteLine($"  {SizeOf(report)}");
        foreach (SnapshotSectionReport section in report.Sections)
        {
            Terminal.WriteLine($"  section '{section.Name}', {Units.Bytes(section.Length)}");
        }

        UsedMemoryPicture.Write(console, used, "stored");
    }
}
