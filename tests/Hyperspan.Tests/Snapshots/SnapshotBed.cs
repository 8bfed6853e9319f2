using Hyperspan.Snapshots;

namespace Hyperspan.Tests.Snapshots;

/// <summary>A folder for snapshots, and memories whose every byte is known.</summary>
public sealed class SnapshotBed : IDisposable
{
    public const ulong Page = 4096;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hs-snap-");

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    public IEnumerable<string> Names() => _folder.EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal);

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Skips a test where memory cannot be saved while it is written.</summary>
    public static void SkipUnlessLive()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        using GuestMemory memory = GuestMemory.Allocate(Page);
        try
        {
            GuestMemorySnapshot.SaveLiveAsync(memory, new MemoryStream()).GetAwaiter().GetResult();
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
        }
    }

    /// <summary>
    /// Four regions: one at zero on a memory file, one above a hole on the heap, one that begins in the middle of a page, one that has the last byte there is.
    /// </summary>
    public static GuestMemory CreateMemory() => new GuestMemoryBuilder("ram")
        .AddRegion(0, OperatingSystem.IsLinux() ? new SharedBacking(600 * Page) : new HeapBacking(600 * Page))
        .AddRegion(0x1_0000_0000, new HeapBacking(300 * Page))
        .AddRegion(0x2_0000_0800, new HeapBacking(5000, new HeapBackingOptions { ExactLength = true, Name = "odd" }))
        .AddRegion(ulong.MaxValue - ((3 * Page) - 1), new HeapBacking(3 * Page))
        .Build();

    /// <summary>Writes into some pages, clears others, leaves most.</summary>
    public static void Scribble(GuestMemory memory, Random random, int times)
    {
        IReadOnlyList<GuestMemoryRegion> regions = memory.Regions;
        byte[] bytes = new byte[9000];
        for (int i = 0; i < times; i++)
        {
            GuestRange range = regions[random.Next(regions.Count)].Range;
            ulong length = Math.Min((ulong)random.Next(1, bytes.Length), range.Length);
            ulong at = range.Start.Value + (ulong)random.NextInt64((long)(range.Length - length + 1));
            Span<byte> piece = bytes.AsSpan(0, (int)length);
            if (random.Next(4) == 0)
            {
                piece.Clear();
            }
            else if (random.Next(2) == 0)
            {
                piece.Fill((byte)random.Next(256));
            }
            else
            {
                random.NextBytes(piece);
            }

            memory.Write(at, piece);
        }
    }

    /// <summary>All bytes of all regions, one after the other.</summary>
    public static byte[] BytesOf(GuestMemory memory)
    {
        var all = new MemoryStream();
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            byte[] bytes = new byte[region.Range.Length];
            memory.Read(region.Range.Start, bytes);
            all.Write(bytes);
        }

        return all.ToArray();
    }

    /// <summary>What a snapshot restores, over memory that held something else before.</summary>
    public static async Task<byte[]> RestoredAsync(GuestMemorySnapshot snapshot)
    {
        using GuestMemory memory = CreateMemory();
        Scribble(memory, new Random(99), 50);
        await snapshot.RestoreAsync(memory);
        return BytesOf(memory);
    }
}
