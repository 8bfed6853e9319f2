using System.Diagnostics;
using System.Text;

using Hyperspan.Dumps;
using Hyperspan.Snapshots;
using Hyperspan.Tool.Output;
using Hyperspan.Tool.Snapshots;

namespace Hyperspan.Tool.Dumps;

/// <summary>What the commands on dumps do.</summary>
internal static class DumpRun
{
    internal static int Convert(string input, string output, DumpFormat format, bool skipZero, bool json, CancellationToken cancellationToken)
    {
        InputFiles.RequireRegular(input);
        InputFiles.RequireWritable(output);
        long start = Stopwatch.GetTimestamp();
        if (InputFiles.IsSnapshot(input))
        {
            using GuestMemorySnapshot snapshot = InputFiles.OpenSnapshot(input);
            var options = new DumpOptions { Format = format, SkipZero = skipZero };
            ProgressBar.Run("convert", progress => GuestMemoryDump.WriteAsync(snapshot, output, options, progress, cancellationToken));
        }
        else
        {
            using GuestMemoryDump dump = InputFiles.OpenDump(input);
            ProgressBar.Run("convert", progress => dump.ConvertAsync(output, format, skipZero, progress, cancellationToken));
        }

        TimeSpan time = Stopwatch.GetElapsedTime(start);
        using GuestMemoryDump written = GuestMemoryDump.Open(output, format);
        return Write(written, json, $"Wrote {output} in {Units.Duration(time)}.");
    }

    internal static int Info(string input, bool json)
    {
        InputFiles.RequireRegular(input);
        if (InputFiles.IsSnapshot(input))
        {
            return SnapshotRun.Info([input], json);
        }

        using GuestMemoryDump dump = InputFiles.OpenDump(input);
        return Write(dump, json, null);
    }

    private static int Write(GuestMemoryDump dump, bool json, string? sentence)
    {
        SnapshotRegion[] regions = [.. dump.Segments.Take(UsedMemoryPicture.Shown).Select(static (segment, i) =>
            new SnapshotRegion(segment.Range, $"segment {i}", 4096, Protection.ReadWriteExecute))];
        IReadOnlyList<UsedMemory> used = UsedMemory.Count(regions, dump.GetStoredRanges());
        ulong stored = dump.GetStoredRanges().Aggregate(0UL, static (sum, range) => sum + range.Length);
        ulong all = dump.Segments.Aggregate(0UL, static (sum, segment) => unchecked(sum + segment.Range.Length));
        var report = new DumpReport(
            dump.Path,
            dump.Format.ToString().ToLowerInvariant(),
            dump.FileBytes,
            all,
            Math.Min(stored, all),
            dump.Segments.Select(static segment => new DumpSegmentReport(segment.Range.Start, segment.Range.Length, segment.FileOffset)),
            dump.Processors,
            dump.VmCoreInfo is { } information ? Encoding.UTF8.GetString(information.Span).TrimEnd('\0') : null);
        if (json)
        {
            JsonOutput.Write(report, DumpJsonContext.Default.DumpReport);
            return ExitCode.Success;
        }

        if (sentence is not null)
        {
            Terminal.WriteLine(sentence);
        }

        string format = dump.Format switch { DumpFormat.Elf => "ELF core", DumpFormat.Lime => "LiME", DumpFormat.Kdump => "compressed kdump", _ => "bare bytes" };
        Terminal.WriteLine(
            $"{report.Path}: {format}, {Units.Bytes(report.MemoryBytes)} in {Units.Things(dump.Segments.Count, "segment")}, "
            + $"{Units.Bytes(report.StoredBytes)} not in holes of the file");
        for (int i = 0; i < report.Processors.Count; i++)
        {
            Terminal.WriteLine($"  processor {i}: {report.Processors[i]}");
        }

        string? release = report.VmCoreInfo?.Split('\n').FirstOrDefault(line => line.StartsWith("OSRELEASE=", StringComparison.Ordinal));
        if (release is not null)
        {
            Terminal.WriteLine($"  kernel {release["OSRELEASE=".Length..]}");
        }

        UsedMemoryPicture.Write(Terminal.CreateOutput(), used, "used", "segment", dump.Segments.Count);
        return ExitCode.Success;
    }
}
