using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;
using Hyperspan.Tests.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Tracking;

/// <summary>A dirty log that watches the mapping: what the kernel sees of others' writes, in the right period, and what it cannot see.</summary>
public sealed unsafe class MappingScopeTests : IDisposable
{
    private const ulong Page = GuestAddress.PageSize;
    private const ulong Length = 64 * Page;

    private readonly TemporaryFile _file = new((long)Length);

    public MappingScopeTests()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        using GuestMemory memory = GuestMemory.Allocate(Page);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        try
        {
            log.Start();
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>A file that nobody may write to cannot be watched, and may take a mapping's place. What other backings were asked for before is in the next collection.</summary>
    [SkippableFact]
    public void A_collection_that_fails_loses_nothing()
    {
        var sparse = new SparseBacking(16 * Page);
        sparse.Commit(0, 16 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(16 * Page)).AddRegion(16 * Page, sparse).Build();
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        log.Collect();
        memory.Write(3 * Page, 1);
        using SafeFileHandle file = File.OpenHandle(_file.Path);
        sparse.MapFile(0, file, 0, (ulong)Environment.SystemPageSize, writable: false);
        Should.Throw<GuestMemoryMappingException>(log.Collect).Message.ShouldEndWith("a part of it is a file that is not open for writing");
        memory.Write(5 * Page, 1);
        Should.Throw<GuestMemoryMappingException>(log.Collect);
        sparse.Unmap(0, (ulong)Environment.SystemPageSize);
        DirtyPages pages = log.Collect();
        pages.Contains(3 * Page).ShouldBeTrue();
        pages.Contains(5 * Page).ShouldBeTrue();
        pages.Contains(4 * Page).ShouldBe(Watched(Page, 3 * Page, 5 * Page).Contains(4UL));
        memory.Write(7 * Page, 1);
        Pages(log.Collect()).ShouldBe(Watched(Page, 7 * Page));
    }

    [SkippableTheory]
    [InlineData("heap")]
    [InlineData("shared")]
    [InlineData("file")]
    [InlineData("sparse")]
    public void Writes_by_bare_pointers_are_collected_once(string kind)
    {
        using GuestMemory memory = Make(kind);
        byte* mapping = MappingOf(memory);
        mapping[3 * Page] = 1;
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        Pages(log.Collect()).ShouldBeEmpty();
        mapping[3 * Page] = 2;
        mapping[(5 * Page) - 1] = 2;
        mapping[63 * Page] = 2;
        memory.Write(7 * Page, 5);
        Pages(log.Collect()).ShouldBe(Watched(Page, 3 * Page, 4 * Page, 7 * Page, 63 * Page));
        Pages(log.Collect()).ShouldBeEmpty();
        mapping[3 * Page] = 3;
        mapping[3 * Page] = 4;
        Pages(log.Collect()).ShouldBe(Watched(Page, 3 * Page));
        log.Stop();
        mapping[3 * Page] = 5;
        log.Start();
        Pages(log.Collect()).ShouldBeEmpty();
    }

    [SkippableTheory]
    [InlineData("heap")]
    [InlineData("shared")]
    public void Writes_by_the_kernel_for_system_calls_are_collected(string kind)
    {
        using GuestMemory memory = Make(kind);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        using SafeFileHandle zero = File.OpenHandle("/dev/zero");
        RandomAccess.Read(zero, new Span<byte>(MappingOf(memory) + (9 * Page), (int)Page + 1), 0).ShouldBe((int)Page + 1);
        Pages(log.Collect()).ShouldBe(Watched(Page, 9 * Page, 10 * Page));
        Pages(log.Collect()).ShouldBeEmpty();
    }

    [SkippableFact]
    public void Without_being_asked_for_bare_pointers_are_not_seen()
    {
        using GuestMemory memory = Make("heap");
        using var log = new DirtyLog(memory);
        log.Start();
        MappingOf(memory)[0] = 1;
        Pages(log.Collect()).ShouldBeEmpty();
    }

    [SkippableFact]
    public void Several_logs_have_periods_of_their_own()
    {
        using GuestMemory memory = Make("shared");
        byte* mapping = MappingOf(memory);
        using var first = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        using var second = new DirtyLog(memory, 2 * Page, DirtyLogScope.Mapping);
        first.Start();
        mapping[Page] = 1;
        second.Start();
        mapping[3 * Page] = 1;
        Pages(first.Collect()).ShouldBe(Watched(Page, Page, 3 * Page));
        mapping[8 * Page] = 1;
        Pages(second.Collect()).ShouldBe(Watched(2 * Page, 3 * Page, 8 * Page));
        second.Stop();
        mapping[9 * Page] = 1;
        Pages(first.Collect()).ShouldBe(Watched(Page, 8 * Page, 9 * Page));
    }

    [SkippableFact]
    public void Pages_that_were_never_there_are_collected_when_they_are_written()
    {
        using var memory = new GuestMemory(new SharedBacking(1UL << 36), "large");
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        byte* mapping = MappingOf(memory);
        mapping[(1UL << 35) + 5] = 1;
        GuestRange range = log.Collect().ShouldHaveSingleItem();
        range.Contains((1UL << 35) + 5).ShouldBeTrue();

        // A page, or a huge one.
        range.PageCount.ShouldBeLessThanOrEqualTo(512UL);
    }

    [SkippableFact]
    public void A_mapping_that_is_replaced_is_collected_as_a_whole_and_watched_from_then_on()
    {
        var mapping = new SparseBacking(Length);
        using var memory = new GuestMemory(mapping, "sparse");
        mapping.Commit(0, 16 * Page);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        mapping.Commit(32 * Page, 16 * Page);
        Pages(log.Collect()).ShouldBeEmpty("nothing has been written");
        using var file = new SharedBacking(16 * Page);
        mapping.MapFile(32 * Page, file.Handle, 0, 16 * Page, writable: true);
        Pages(log.Collect()).ShouldContain(32UL);
        Pages(log.Collect()).ShouldBeEmpty();
        MappingOf(memory)[32 * Page] = 1;
        Pages(log.Collect()).ShouldBe(Watched(Page, 32 * Page));
    }

    [SkippableFact]
    public void What_is_disposed_has_no_writes()
    {
        GuestMemory memory = Make("shared");
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        MappingOf(memory)[0] = 1;
        memory.Dispose();
        Record.Exception(() => log.Collect()).ShouldBeNull();
        log.Stop();
    }

    [SkippableFact]
    public void Memory_restored_on_demand_is_watched_already()
    {
        using var bed = new SnapshotBed();
        using GuestMemory memory = Make("heap");
        GuestMemorySnapshot.SaveAsync(memory, bed.PathOf("s")).GetAwaiter().GetResult();
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(bed.PathOf("s"));
        using OnDemandMemory lazy = OnDemandMemory.Create(snapshot);
        using var log = new DirtyLog(lazy.Memory, scope: DirtyLogScope.Mapping);
        Should.Throw<GuestMemoryMappingException>(log.Start).Message.ShouldContain("watch the writes to");
        log.IsStarted.ShouldBeFalse();
        using var other = new DirtyLog(lazy.Memory);
        other.Start();
    }

    /// <summary>The other ways to change the same bytes. A log that missed them silently would be worse than one that says so: see docs/dirty-tracking.md.</summary>
    [SkippableFact]
    public void Writes_past_the_mapping_are_not_seen()
    {
        var backing = new SharedBacking(Length);
        using var memory = new GuestMemory(backing, "shared");
        memory.Fill(0, 1, Length);
        using var again = new GuestMemory(new ForeignBacking(backing.Handle, 0, Length), "again");
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        again.Write(Page, 2);
        Pages(log.Collect()).ShouldBeEmpty("another mapping of the file");
        RandomAccess.Write(backing.Handle, [7, 7, 7], (long)(2 * Page));
        Pages(log.Collect()).ShouldBeEmpty("pwrite");
        LibC.Fallocate(backing.Handle, FileAllocation.PunchHole | FileAllocation.KeepSize, (long)(3 * Page), (long)Page).ShouldBe(0);
        Pages(log.Collect()).ShouldBeEmpty("punching a hole");
        memory.Read<byte>(Page).ShouldBe((byte)2);
        memory.Read<byte>(2 * Page).ShouldBe((byte)7);
        memory.Read<byte>(3 * Page).ShouldBe((byte)0);
    }

    [SkippableFact]
    public void A_copy_kept_by_its_collections_is_exact()
    {
        const int Pages = 512;
        using GuestMemory memory = GuestMemory.Allocate(Pages * Page);
        using GuestMemory copy = GuestMemory.Allocate(Pages * Page);
        ulong* mapping = (ulong*)MappingOf(memory);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        memory.CopyTo(0, copy, 0, Pages * Page);
        bool stop = false;
        Task[] writers = [.. Enumerable.Range(0, 3).Select(seed => Task.Factory.StartNew(
            () =>
            {
                var random = new Random(seed);
                while (!Volatile.Read(ref stop))
                {
                    // A word of a page for each writer; one of them goes by the memory's operations.
                    int at = (random.Next(Pages) * 512) + seed;
                    if (seed == 0)
                    {
                        memory.Write((ulong)at * 8, random.NextInt64());
                    }
                    else
                    {
                        Volatile.Write(ref mapping[at], (ulong)random.NextInt64());
                    }
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        ulong collected = 0;
        for (int i = 0; i < 300 || collected == 0; i++)
        {
            collected += CopyChanged();
        }

        Volatile.Write(ref stop, true);
        Task.WaitAll(writers);
        CopyChanged();
        byte[] left = new byte[Pages * (int)Page];
        byte[] right = new byte[left.Length];
        memory.Read(0, left);
        copy.Read(0, right);
        left.AsSpan().CommonPrefixLength(right).ShouldBe(left.Length);

        ulong CopyChanged()
        {
            DirtyPages pages = log.Collect();
            foreach (GuestRange range in pages)
            {
                memory.CopyTo(range, copy, range.Start);
            }

            return pages.Count;
        }
    }

    [SkippableFact]
    public void Nothing_is_left_open()
    {
        using GuestMemory memory = Make("heap");
        Once();
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 100; i++)
        {
            Once();
        }

        // Other tests open and close files meanwhile.
        Directory.GetFiles("/proc/self/fd").Length.ShouldBeLessThan(before + 100);

        void Once()
        {
            using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
            log.Start();
            log.Collect();
        }
    }

    /// <summary>The pages of a log that show writes at some places: what the kernel sees is which of its own pages are written.</summary>
    private static ulong[] Watched(ulong size, params ulong[] places)
    {
        ulong watched = (ulong)Environment.SystemPageSize;
        return
        [
            .. places.SelectMany(place => Enumerable.Range(0, (int)(watched / Page)).Select(i => ((place & ~(watched - 1)) + ((ulong)i * Page)) / size)).Distinct().Order(),
        ];
    }

    private static ulong[] Pages(DirtyPages pages) =>
        [.. pages.SelectMany(range => Enumerable.Range(0, (int)(range.Length / pages.PageSize)).Select(i => (range.Start.Value / pages.PageSize) + (ulong)i))];

    private static byte* MappingOf(GuestMemory memory)
    {
        memory.TryGetMapping(0, out byte* mapping, out _).ShouldBeTrue();
        return mapping;
    }

    private GuestMemory Make(string kind)
    {
        GuestMemoryBacking backing = kind switch
        {
            "heap" => new HeapBacking(Length),
            "shared" => new SharedBacking(Length),
            "file" => new FileBacking(_file.Path, FileAccess.ReadWrite),
            _ => new SparseBacking(Length),
        };
        (backing as SparseBacking)?.Commit(0, Length);
        var memory = new GuestMemory(backing, kind);
        memory.Fill(0, 1, Length);
        return memory;
    }
}
