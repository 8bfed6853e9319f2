using System.Globalization;

using Hyperspan.Snapshots;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Memory is saved over and over while threads write it in ways of their own and garbage is collected all the time: each snapshot is as of one moment. The arguments:
/// <c>heap</c>, <c>shared</c>, <c>file</c> or <c>huge</c>; a folder; how often; <c>live</c>, or <c>paused-not</c> for the control: without anything that holds writers,
/// which must be noticed.
/// </summary>
/// <remarks>
/// Each writer has pages far from each other, and writes a number to all of them in order, then the next: at any moment the first have the newest and the rest the one
/// before. Another thread copies what it sees of one writer's number: it is never ahead.
/// </remarks>
public sealed class LiveSaveScenario : IScenario
{
    private const ulong Page = 4096;
    private const ulong PagesPerWriter = 24;
    private const ulong Pages = 4096;

    public string Name => "live-save";

    public int Run(string[] arguments)
    {
        string folder = arguments[1];
        int most = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        bool isLive = arguments[3] == "live";
        using GuestMemory memory = Create(arguments[0], folder);
        Populate(memory);
        string source = Path.Combine(folder, "numbers");
        var crew = new StormCrew();
        crew.StartCollector();
        crew.Start("operations", () => WriteByOperations(memory, crew));
        crew.Start("pointers", () => WriteByPointers(memory, crew));
        crew.Start("system calls", () => WriteBySystemCalls(memory, source, crew));
        crew.Start("follower", () => Follow(memory, crew));
        crew.Start("flood", () => Flood(memory, crew));
        int rounds = 0;
        string? broken = null;
        try
        {
            while (rounds < most && !crew.IsOver && broken is null)
            {
                string path = Path.Combine(folder, "live.snap");
                SaveAsync(memory, path, isLive, rounds).GetAwaiter().GetResult();
                broken = WhyInconsistent(path);
                rounds++;
            }
        }
        catch (PlatformNotSupportedException e)
        {
            crew.Finish();
            Console.WriteLine(e.Message);
            return ScenarioExit.Unavailable;
        }

        string? failure = crew.Finish();
        Console.WriteLine($"rounds={rounds} collections={crew.Collections}");
        if (failure is null && isLive)
        {
            failure = broken;
        }
        else if (failure is null && broken is null)
        {
            failure = "the control was not noticed";
        }

        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private static Task<SnapshotSaved> SaveAsync(GuestMemory memory, string path, bool isLive, int round)
    {
        var options = new SnapshotSaveOptions { Compress = round % 3 == 2 };
        return isLive ? GuestMemorySnapshot.SaveLiveAsync(memory, path, options) : GuestMemorySnapshot.SaveAsync(memory, path, options);
    }

    private static GuestMemory Create(string kind, string folder)
    {
        const ulong Length = Pages * Page;
        switch (kind)
        {
            case "heap":
                return new GuestMemory(new HeapBacking(Length));
            case "huge":
                return new GuestMemory(new SharedBacking(Length, new SharedBackingOptions { HugePages = HugePageSize.Size2MiB }));
            case "file":
                string path = Path.Combine(folder, "ram");
                using (FileStream file = File.Create(path))
                {
                    file.SetLength((long)Length);
                }

                return new GuestMemory(new FileBacking(path, FileAccess.ReadWrite));
            default:
                return new GuestMemory(new SharedBacking(Length));
        }
    }

    /// <summary>A third of the pages is there from the beginning; others come while it is saved.</summary>
    private static void Populate(GuestMemory memory)
    {
        for (ulong page = 0; page < Pages; page += 3)
        {
            memory.Write((page * Page) + 8, page);
        }
    }

    /// <summary>The pages of a writer: all over the memory, in no order.</summary>
    private static ulong PlaceOf(ulong writer, ulong index) => ((((index * 7919) + 13) % (Pages / 8) * 8) + writer) * Page;

    private static void WriteByOperations(GuestMemory memory, StormCrew crew)
    {
        for (ulong number = 1; !crew.IsOver; number++)
        {
            for (ulong i = 0; i < PagesPerWriter; i++)
            {
                memory.Write(PlaceOf(0, i), number);
                memory.Write(PlaceOf(0, i) + Page - 8, number);
            }
        }
    }

    private static unsafe void WriteByPointers(GuestMemory memory, StormCrew crew)
    {
        byte* mapping = memory.Regions[0].Backing!.Mapping;

        // SAFETY: memory that does not go while the crew works.
        for (ulong number = 1; !crew.IsOver; number++)
        {
            for (ulong i = 0; i < PagesPerWriter; i++)
            {
                Volatile.Write(ref *(ulong*)(mapping + PlaceOf(1, i)), number);
                Volatile.Write(ref *(ulong*)(mapping + PlaceOf(1, i) + Page - 8), number);
            }
        }
    }

    private static unsafe void WriteBySystemCalls(GuestMemory memory, string source, StormCrew crew)
    {
        byte* mapping = memory.Regions[0].Backing!.Mapping;
        using FileStream file = File.Create(source);
        for (ulong number = 1; !crew.IsOver; number++)
        {
            RandomAccess.Write(file.SafeFileHandle, BitConverter.GetBytes(number), 0);
            for (ulong i = 0; i < PagesPerWriter; i++)
            {
                // SAFETY: as above.
                RandomAccess.Read(file.SafeFileHandle, new Span<byte>(mapping + PlaceOf(2, i), 8), 0);
                RandomAccess.Read(file.SafeFileHandle, new Span<byte>(mapping + PlaceOf(2, i) + Page - 8, 8), 0);
            }
        }
    }

    private static void Follow(GuestMemory memory, StormCrew crew)
    {
        while (!crew.IsOver)
        {
            ulong seen = memory.Read<ulong>(PlaceOf(1, 5));
            memory.Write(PlaceOf(3, 11), seen);
            memory.Write(PlaceOf(3, 2), memory.Read<ulong>(PlaceOf(0, PagesPerWriter - 1)));
        }
    }

    /// <summary>Writes all over the rest, so that there is much to be kept: the number of the round, upwards.</summary>
    private static void Flood(GuestMemory memory, StormCrew crew)
    {
        for (ulong number = 1; !crew.IsOver; number++)
        {
            for (ulong page = 4; page < Pages && !crew.IsOver; page += 8)
            {
                memory.Write(page * Page, number);
            }
        }
    }

    private static string? WhyInconsistent(string path)
    {
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(path);
        using GuestMemory saved = GuestMemory.Allocate(Pages * Page);
        snapshot.RestoreAsync(saved).GetAwaiter().GetResult();
        for (ulong writer = 0; writer < 3; writer++)
        {
            ulong newest = saved.Read<ulong>(PlaceOf(writer, 0));
            ulong before = newest;
            for (ulong i = 0; i < PagesPerWriter; i++)
            {
                foreach (ulong place in (ulong[])[PlaceOf(writer, i), PlaceOf(writer, i) + Page - 8])
                {
                    ulong number = saved.Read<ulong>(place);
                    if (number > before || number + 1 < newest)
                    {
                        return $"writer {writer}: {number} at 0x{place:x}, where {newest} came first and {before} before it";
                    }

                    before = number;
                }
            }
        }

        if (saved.Read<ulong>(PlaceOf(3, 11)) is var copy && copy > saved.Read<ulong>(PlaceOf(1, 5)))
        {
            return $"a copy, {copy}, is ahead of what it is of";
        }

        ulong last = saved.Read<ulong>(4 * Page);
        ulong round = last;
        for (ulong page = 4; page < Pages; page += 8)
        {
            ulong number = saved.Read<ulong>(page * Page);
            if (number > last || number + 1 < round)
            {
                return $"flood: {number} at page {page}, where {round} came first and {last} before it";
            }

            last = number;
        }

        return null;
    }
}
