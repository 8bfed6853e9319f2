using System.Diagnostics;
using System.Globalization;

using Hyperspan.Dumps;
using Hyperspan.Snapshots;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Does all that can be done with snapshots and dumps that contradict themselves. Each is refused by an exception that is for that and names a file, or what is made of it is
/// itself good; nothing hangs, takes much memory, or leaves half a file. The arguments: a folder, the first seed, and how many cases.
/// </summary>
public sealed class HostileFilesScenario : IScenario
{
    private const long MostAllocated = 64 << 20;

    // A busy machine takes many times what an idle one does; what hangs takes hours.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    // What is made may have the length of the memory that a file speaks of; of a kdump all of it takes room.
    private const long LargestKdump = 1L << 34;

    private string _folder = "";

    public string Name => "hostile-files";

    public int Run(string[] arguments)
    {
        _folder = arguments[0];
        int first = int.Parse(arguments[1], CultureInfo.InvariantCulture), count = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        (byte[][] snapshots, byte[][] dumps) = CreateAsync().GetAwaiter().GetResult();
        int refused = 0, done = 0;
        for (int seed = first; seed < first + count; seed++)
        {
            var random = new Random(seed);
            var hostile = new HostileFile(random);
            int kind = random.Next(4);
            byte[] bytes = kind switch
            {
                0 => hostile.Snapshot(snapshots[random.Next(snapshots.Length)]),
                1 => hostile.Invented(),
                _ => hostile.Dump(dumps[random.Next(dumps.Length)]),
            };
            File.WriteAllBytes(PathOf("bad"), bytes);
            foreach ((string what, Func<Task> tryAsync) in kind < 2 ? OfSnapshot() : OfDump())
            {
                bool isRefused = Try(seed, what, tryAsync);
                refused += isRefused ? 1 : 0;
                done += isRefused ? 0 : 1;
            }
        }

        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{refused} refused, {done} done"));
        return ScenarioExit.Success;
    }

    private IEnumerable<(string What, Func<Task> TryAsync)> OfSnapshot()
    {
        yield return ("verify", () => WithSnapshotAsync(snapshot => snapshot.VerifyAsync()));
        yield return ("compare", () => WithSnapshotAsync(snapshot =>
        {
            using GuestMemorySnapshot good = GuestMemorySnapshot.Open(PathOf("plain"));
            snapshot.GetDifferences(good).Count();
            good.GetDifferences(snapshot).Count();
            return Task.CompletedTask;
        }));
        yield return ("merge", () => WithSnapshotAsync(snapshot => snapshot.MergeAsync(PathOf("out"), compress: true)));
        yield return ("restore", () => WithSnapshotAsync(snapshot => snapshot.RestoreFileAsync(PathOf("out"))));
        foreach (DumpFormat format in Enum.GetValues<DumpFormat>())
        {
            yield return ($"write {format}", () => WithSnapshotAsync(snapshot =>
                IsMuch(format, snapshot.Regions.Select(region => region.Length))
                    ? Task.CompletedTask
                    : GuestMemoryDump.WriteAsync(snapshot, PathOf("out"), new DumpOptions { Format = format })));
        }
    }

    private IEnumerable<(string What, Func<Task> TryAsync)> OfDump()
    {
        yield return ("save", () => WithDumpAsync(dump => dump.SaveSnapshotAsync(PathOf("out"))));
        yield return ("look", () => WithDumpAsync(dump =>
        {
            dump.GetStoredRanges().Count();
            using GuestMemory memory = dump.CreateMemory();
            _ = dump.Processors.Count;
            byte[] some = new byte[5000];
            foreach (GuestMemoryRegion region in memory.Regions)
            {
                memory.TryRead(region.Range.Start, some.AsSpan(0, (int)Math.Min(region.Range.Length, 5000)), out _);
                memory.TryRead(region.Range.Last!.Value, some.AsSpan(0, 1), out _);
            }

            return Task.CompletedTask;
        }));
        foreach (DumpFormat format in Enum.GetValues<DumpFormat>())
        {
            foreach (bool skipsZero in (bool[])[false, true])
            {
                yield return ($"convert {format} {skipsZero}", () => WithDumpAsync(async dump =>
                {
                    using GuestMemory memory = dump.CreateMemory();
                    if (!IsMuch(format, memory.Regions.Select(region => region.Range.Length)))
                    {
                        await dump.ConvertAsync(PathOf("out"), format, skipsZero);
                    }
                }));
            }
        }
    }

    private async Task WithSnapshotAsync(Func<GuestMemorySnapshot, Task> useAsync)
    {
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(PathOf("bad"));
        await useAsync(snapshot);
    }

    private async Task WithDumpAsync(Func<GuestMemoryDump, Task> useAsync)
    {
        using GuestMemoryDump dump = GuestMemoryDump.Open(PathOf("bad"));
        await useAsync(dump);
    }

    private static bool IsMuch(DumpFormat format, IEnumerable<ulong> lengths) =>
        format == DumpFormat.Kdump && lengths.Aggregate((UInt128)0, static (sum, length) => sum + length) > LargestKdump;

    /// <summary>Does one thing.</summary>
    /// <returns>Whether it was refused.</returns>
    private bool Try(int seed, string what, Func<Task> tryAsync)
    {
        string of = string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {what}");
        long before = GC.GetTotalAllocatedBytes();
        var clock = Stopwatch.StartNew();
        bool isRefused = false;
        try
        {
            Task task = Task.Run(tryAsync);
            if (!task.Wait(Longest))
            {
                throw new InvalidOperationException($"{of}: takes more than {Longest.TotalSeconds} s");
            }
        }
        catch (AggregateException e) when (e.InnerException is IOException refusal)
        {
            isRefused = true;
            Require(refusal.Message.Contains(_folder, StringComparison.Ordinal), $"{of}: names no file: {refusal.Message}");
        }
        catch (AggregateException e)
        {
            throw new InvalidOperationException(of, e.InnerException);
        }

        Require(GC.GetTotalAllocatedBytes() - before < MostAllocated, $"{of}: allocated {(GC.GetTotalAllocatedBytes() - before) >> 20} MiB in {clock.ElapsedMilliseconds} ms");
        bool isThere = File.Exists(PathOf("out"));
        Require(!(isRefused && isThere), $"{of}: was refused, and left a file");
        string[] names = [.. Directory.EnumerateFiles(_folder).Select(path => Path.GetFileName(path)!).Where(name => name is not ("plain" or "bad" or "out"))];
        Require(names.Length == 0, $"{of}: left {string.Join(", ", names)}");
        if (isThere)
        {
            // What has been written is read: nothing is kept of what contradicted itself.
            if (what is "merge" or "save")
            {
                using GuestMemorySnapshot good = GuestMemorySnapshot.Open(PathOf("out"));
                good.VerifyAsync().GetAwaiter().GetResult();
            }
            else if (what.StartsWith("write ", StringComparison.Ordinal) || what.StartsWith("convert ", StringComparison.Ordinal))
            {
                using GuestMemoryDump good = GuestMemoryDump.Open(PathOf("out"), Enum.Parse<DumpFormat>(what.Split(' ')[1]));
            }

            File.Delete(PathOf("out"));
        }

        return isRefused;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    private async Task<(byte[][] Snapshots, byte[][] Dumps)> CreateAsync()
    {
        var random = new Random(5);
        using GuestMemory memory = new GuestMemoryBuilder("m").AddRegion(0, new HeapBacking(1 << 20)).AddRegion(0x18_0000, new HeapBacking(1 << 19)).Build();
        byte[] some = new byte[3000];
        for (int i = 0; i < 20; i++)
        {
            random.NextBytes(some);
            memory.Write((ulong)random.Next((1 << 20) - some.Length), some);
            memory.Write(0x18_0000 + (ulong)random.Next((1 << 19) - some.Length), some);
        }

        List<byte[]> snapshots = [], dumps = [];
        foreach (bool compress in (bool[])[false, true])
        {
            await GuestMemorySnapshot.SaveAsync(memory, PathOf("out"), new SnapshotSaveOptions { Compress = compress, Sections = [new("own", new byte[100])] });
            snapshots.Add(Take());
        }

        await GuestMemorySnapshot.SaveAsync(memory, PathOf("plain"));
        memory.Fill(0, 0, 1 << 18);
        memory.Write(0x5000, 1);
        using (GuestMemorySnapshot since = GuestMemorySnapshot.Open(PathOf("plain")))
        {
            await GuestMemorySnapshot.SaveAsync(memory, PathOf("out"), new SnapshotSaveOptions { Since = since });
            snapshots.Add(Take());
        }

        X64Registers[] processors = [new X64Registers(1, 2, 3), new X64Registers(4, 5, 6)];
        foreach (DumpFormat format in Enum.GetValues<DumpFormat>())
        {
            foreach (bool skipsZero in (bool[])[false, true])
            {
                await GuestMemoryDump.WriteAsync(
                    memory, PathOf("out"), new DumpOptions { Format = format, SkipZero = skipsZero, Processors = processors, VmCoreInfo = "OSRELEASE=6.1\n"u8.ToArray() });
                dumps.Add(Take());
            }
        }

        return ([.. snapshots], [.. dumps]);
    }

    private byte[] Take()
    {
        byte[] bytes = File.ReadAllBytes(PathOf("out"));
        File.Delete(PathOf("out"));
        return bytes;
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
