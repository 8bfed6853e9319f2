using System.Diagnostics;
using System.Globalization;

using Hyperspan.Snapshots;

namespace Hyperspan.Benchmarks.Keep;

/// <summary>
/// What it costs to keep memory: 4 GiB with 340 MiB in 2,576 extents, saved, saved again as a difference, restored, each beside what cannot be undercut. <c>keep [FOLDER]</c>; the
/// files go to the folder, by default the temporary one. All figures are of one run, the best of five.
/// </summary>
internal static class KeepCommand
{
    private const ulong Size = 4UL << 30;
    private const int Extents = 2576;
    private const int ExtentLength = 132 << 10;
    private const int Rounds = 5;
    private const ulong Page = 4096;

    internal static int Run(ReadOnlySpan<string> arguments)
    {
        string folder = Directory.CreateDirectory(Path.Combine(arguments.Length > 0 ? arguments[0] : Path.GetTempPath(), $"hs-keep-{Environment.ProcessId}")).FullName;
        try
        {
            MeasureLive(folder);
            Measure(folder);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void MeasureLive(string folder)
    {
        using (GuestMemory heap = LiveSaveMeasure.Touched(new HeapBacking(Size / 16)))
        {
            LiveSaveMeasure.Run("256 MiB, private", heap, folder);
        }

        using GuestMemory shared = LiveSaveMeasure.Touched(new SharedBacking(Size / 16));
        LiveSaveMeasure.Run("256 MiB, a memory file", shared, folder);
    }

    private static void Measure(string folder)
    {
        var ram = new SharedBacking(Size);
        using var memory = new GuestMemory(ram, "ram");
        Touch(memory);
        LiveSaveMeasure.Run("4 GiB with 340 MiB, a memory file", memory, folder);
        MeasureMapping(memory);
        string full = Path.Combine(folder, "full");
        string difference = Path.Combine(folder, "difference");
        string copy = Path.Combine(folder, "copy");
        string source = $"/proc/{Environment.ProcessId}/fd/{(int)ram.Handle.DangerousGetHandle()}";

        long before = AnonymousBytes();
        double floor = double.MaxValue;
        double save = double.MaxValue;
        double compressed = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            floor = Math.Min(floor, Time(() => Copy(source, copy)));
            save = Math.Min(save, Time(() => GuestMemorySnapshot.SaveAsync(memory, full).GetAwaiter().GetResult()));
        }

        long growth = Math.Max(AnonymousBytes() - before, 0);
        compressed = Math.Min(compressed, Time(() => GuestMemorySnapshot.SaveAsync(
            memory, Path.Combine(folder, "compressed"), new SnapshotSaveOptions { Compress = true }).GetAwaiter().GetResult()));
        Print("save, with fsync", save, "cp --sparse and fsync", floor);
        Print("save compressed, with fsync", compressed, "cp --sparse and fsync", floor);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"private memory grown while saving",-38}{growth / 1048576.0,10:0.0} MiB"));

        List<GuestRange> changed = Change(memory);
        using GuestMemorySnapshot since = GuestMemorySnapshot.Open(full);
        ulong changedBytes = changed.Aggregate(0UL, (sum, range) => sum + range.Length);
        floor = double.MaxValue;
        double known = double.MaxValue;
        double compared = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            floor = Math.Min(floor, Time(() => WriteBytes(copy, changedBytes)));

            // Replacing a file frees the blocks of the one before, which would be measured too.
            File.Delete(difference);
            known = Math.Min(known, Time(() => GuestMemorySnapshot.SaveAsync(
                memory, difference, new SnapshotSaveOptions { Since = since, Changed = changed }).GetAwaiter().GetResult()));
            File.Delete(difference);
            compared = Math.Min(compared, Time(() => GuestMemorySnapshot.SaveAsync(
                memory, difference, new SnapshotSaveOptions { Since = since }).GetAwaiter().GetResult()));
        }

        Print("difference of 1 %, told what changed", known, "write and fsync its bytes", floor);
        Print("difference of 1 %, compared", compared, "write and fsync its bytes", floor);

        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(full);
        double verify = double.MaxValue;
        double restore = double.MaxValue;
        double map = double.MaxValue;
        double mapFirst = double.MaxValue;
        double ready = double.MaxValue;
        double first = double.MaxValue;
        double prefetch = double.MaxValue;
        double floorRead = double.MaxValue;
        byte[] buffer = new byte[1 << 20];
        for (int i = 0; i < Rounds; i++)
        {
            floorRead = Math.Min(floorRead, Time(() => ReadFile(full, buffer)));
            verify = Math.Min(verify, Time(() => snapshot.VerifyAsync().GetAwaiter().GetResult()));
            using (var target = new GuestMemory(new SharedBacking(Size), "target"))
            {
                restore = Math.Min(restore, Time(() => snapshot.RestoreAsync(target).GetAwaiter().GetResult()));
            }

            GuestMemory? mapped = null;
            map = Math.Min(map, Time(() => mapped = snapshot.CreateMemory("mapped")));
            mapFirst = Math.Min(mapFirst, Time(() => mapped!.Read<ulong>(Place(100))));
            mapped!.Dispose();
            try
            {
                OnDemandMemory? lazy = null;
                ready = Math.Min(ready, Time(() => lazy = OnDemandMemory.Create(snapshot)));
                first = Math.Min(first, Time(() => lazy!.Memory.Read<ulong>(Place(100))));
                prefetch = Math.Min(prefetch, Time(() => lazy!.PrefetchAsync().GetAwaiter().GetResult()));
                lazy!.Dispose();
            }
            catch (PlatformNotSupportedException e)
            {
                Console.WriteLine(e.Message);
            }
        }

        Print("verify", verify, "read the file", floorRead);
        Print("restore by copy", restore, "read the file", floorRead);
        Print("restore by mapping, ready", map, null, 0);
        Print("  first access", mapFirst, null, 0);
        Print("restore on demand, ready", ready, null, 0);
        Print("  first access", first, null, 0);
        Print("  all of it by prefetch", prefetch, "read the file", floorRead);
        Console.WriteLine("Published by Cloud Hypervisor for such a guest: saved in 132 ms, restored in 136 ms (another machine, without fsync).");
    }

    /// <summary>What the kernel's record of writes costs (<see cref="DirtyLogScope.Mapping"/>).</summary>
    private static unsafe void MeasureMapping(GuestMemory memory)
    {
        memory.TryGetMapping(0, out byte* mapping, out _);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        double start = double.MaxValue;
        double first = double.MaxValue;
        double again = double.MaxValue;
        double[] collect = [double.MaxValue, double.MaxValue, double.MaxValue];
        try
        {
            for (int i = 0; i < Rounds; i++)
            {
                start = Math.Min(start, Time(log.Start));
                collect[0] = Math.Min(collect[0], Time(() => log.Collect()));
                first = Math.Min(first, Time(() => WriteEach(mapping, Extents / 100)));
                again = Math.Min(again, Time(() => WriteEach(mapping, Extents / 100)));
                collect[1] = Math.Min(collect[1], Time(() => log.Collect()));
                WriteEach(mapping, Extents);
                collect[2] = Math.Min(collect[2], Time(() => log.Collect()));
                log.Stop();
            }
        }
        catch (PlatformNotSupportedException e)
        {
            Console.WriteLine(e.Message);
            return;
        }

        double pages = Extents / 100 * (ExtentLength / (double)Page);
        Print("dirty log of the mapping: start", start, null, 0);
        Print("  collect, nothing written", collect[0], null, 0);
        Print("  collect, 1 % of what is there", collect[1], null, 0);
        Print("  collect, all of it", collect[2], null, 0);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{"  first write to a page, and the next",-38}{first / pages * 1e6,10:0} ns {again / pages * 1e6,10:0} ns"));
    }

    private static unsafe void WriteEach(byte* mapping, int extents)
    {
        for (int i = 0; i < extents; i++)
        {
            for (ulong at = 0; at < ExtentLength; at += Page)
            {
                // SAFETY: within the mapping, which its memory keeps.
                mapping[Place(i) + at]++;
            }
        }
    }

    private static ulong Place(int extent) => (ulong)extent * (Size / Extents) / Page * Page;

    private static void Touch(GuestMemory memory)
    {
        byte[] bytes = new byte[ExtentLength];
        var random = new Random(1);
        for (int i = 0; i < Extents; i++)
        {
            random.NextBytes(bytes.AsSpan(0, 4096));
            for (int at = 4096; at < bytes.Length; at += 4096)
            {
                // Unlike any other page, and neither random nor constant.
                bytes.AsSpan(0, 4096).CopyTo(bytes.AsSpan(at));
                bytes.AsSpan(at, 1024).Fill((byte)(at >> 12));
            }

            memory.Write(Place(i), bytes);
        }
    }

    /// <summary>Changes one page in a hundred of those that are touched.</summary>
    private static List<GuestRange> Change(GuestMemory memory)
    {
        var changed = new List<GuestRange>();
        for (int page = 0; page < Extents * (ExtentLength / 4096); page += 100)
        {
            ulong address = Place(page / (ExtentLength / 4096)) + ((ulong)(page % (ExtentLength / 4096)) * Page);
            memory.Write(address + 64, 0x1234UL);
            changed.Add(new GuestRange(address, Page));
        }

        return changed;
    }

    private static void Copy(string source, string target)
    {
        using (Process cp = Process.Start("cp", ["--sparse=always", source, target]))
        {
            cp.WaitForExit();
        }

        using FileStream file = File.OpenWrite(target);
        file.Flush(flushToDisk: true);
    }

    private static void WriteBytes(string path, ulong count)
    {
        using FileStream file = File.Create(path);
        byte[] buffer = new byte[1 << 20];
        for (ulong done = 0; done < count; done += (ulong)buffer.Length)
        {
            file.Write(buffer, 0, (int)Math.Min((ulong)buffer.Length, count - done));
        }

        file.Flush(flushToDisk: true);
    }

    private static void ReadFile(string path, byte[] buffer)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        while (file.Read(buffer) > 0)
        {
        }
    }

    /// <summary>How long something takes, in milliseconds.</summary>
    internal static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>The private memory of this process that is in use.</summary>
    private static long AnonymousBytes()
    {
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith("RssAnon:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    private static void Print(string what, double milliseconds, string? floorName, double floor) => Console.WriteLine(floorName is null
        ? string.Create(CultureInfo.InvariantCulture, $"{what,-38}{milliseconds,10:0.00} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{what,-38}{milliseconds,10:0.00} ms   {floorName}: {floor:0.00} ms, times {milliseconds / floor:0.00}"));
}
