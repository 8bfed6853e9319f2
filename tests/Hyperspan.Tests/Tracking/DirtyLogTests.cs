using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests.Tracking;

/// <summary>What a dirty log names: every write by every way, in the right period, and nothing after its end.</summary>
public sealed class DirtyLogTests
{
    private const ulong Page = TrackedMemories.Page;

    public static TheoryData<string, string> Ways
    {
        get
        {
            var ways = new TheoryData<string, string>();
            foreach (string kind in TrackedMemories.Kinds)
            {
                foreach (string operation in WriteOperations.All.Keys)
                {
                    ways.Add(kind, operation);
                }
            }

            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Every_write_is_collected_once(string kind, string operation)
    {
        (GuestMemory memory, GuestMemory root, ulong start) = TrackedMemories.Make(kind);
        using (root)
        {
            using var log = new DirtyLog(root);
            WriteOperations.All[operation].Write(memory);
            log.Start();
            Pages(log.Collect()).ShouldBeEmpty();
            WriteOperations.All[operation].Write(memory);
            ulong[] first = Pages(log.Collect());
            ulong[] written = WriteOperations.PagesOf(operation, start);
            first.ShouldBe(written);
            Pages(log.Collect()).ShouldBeEmpty();

            // Again, now that the first write to the page has been.
            WriteOperations.All[operation].Write(memory);
            WriteOperations.All[operation].Write(memory);
            Pages(log.Collect()).ShouldBe(written);
            log.Stop();
            WriteOperations.All[operation].Write(memory);
            log.Start();
            Pages(log.Collect()).ShouldBeEmpty();
        }
    }

    /// <summary>Pages that are zeros now, or a file's, are not what they were.</summary>
    [LinuxFact]
    public void What_a_backing_does_to_its_own_contents_is_collected()
    {
        using var file = new TemporaryFile((long)(4 * Page));
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(file.Path);
        using var sparse = new SparseBacking(32 * Page);
        sparse.Commit(0, 32 * Page);
        using var memory = new GuestMemory(sparse, "sparse", leaveOpen: true);
        using var log = new DirtyLog(memory);
        log.Start();
        sparse.Decommit(3 * Page, 2 * Page);
        Pages(log.Collect()).ShouldBe([3UL, 4UL]);
        sparse.MapZero(7 * Page, Page);
        sparse.MapFile(9 * Page, handle, 0, 2 * Page, writable: false);
        Pages(log.Collect()).ShouldBe([7UL, 9UL, 10UL]);
        sparse.Commit(10 * Page, Page);
        Pages(log.Collect()).ShouldBe([10UL], "zeros instead of the file's");
        sparse.Unmap(9 * Page, Page);
        Pages(log.Collect()).ShouldBe([9UL]);
        sparse.Commit(0, 3 * Page);
        sparse.Protect(0, Page, Protection.Read);
        Pages(log.Collect()).ShouldBeEmpty("nothing has changed");
    }

    [Fact]
    public void Reads_are_not_collected()
    {
        using GuestMemory memory = GuestMemory.Allocate(8 * Page);
        using var log = new DirtyLog(memory);
        log.Start();
        memory.Read<int>(0);
        memory.Read(Page, new byte[5000]);
        memory.VolatileRead<int>(8);
        memory.TryRead(9 * Page, out int _).ShouldBeFalse();
        memory.TryWrite(9 * Page, 1).ShouldBeFalse();
        log.Collect().Count.ShouldBe(0UL);
    }

    [Fact]
    public void Each_log_has_its_own_periods()
    {
        using GuestMemory memory = GuestMemory.Allocate(8 * Page);
        using var first = new DirtyLog(memory);
        using var second = new DirtyLog(memory, 2 * Page);
        first.Start();
        memory.Write(Page, 1);
        second.Start();
        memory.Write(3 * Page, 1);
        Pages(first.Collect()).ShouldBe([1UL, 3UL]);
        memory.Write(7 * Page, 1);
        Pages(second.Collect()).ShouldBe([1UL, 3UL]);
        Pages(first.Collect()).ShouldBe([7UL]);
        first.Stop();
        memory.Write(0, 1);
        Pages(second.Collect()).ShouldBe([0UL]);
        first.Generation.ShouldBe(3UL);
        second.Generation.ShouldBe(3UL);
    }

    [Fact]
    public void A_write_through_any_memory_over_the_backing_is_seen_where_its_page_is_shown()
    {
        using var heap = new HeapBacking(8 * Page);
        using GuestMemory twice = new GuestMemoryBuilder("twice")
            .LeaveBackingsOpen()
            .AddRegion(0, heap, backingOffset: 0, length: 4 * Page)
            .AddRegion(0x10_0000, heap, backingOffset: 2 * Page, length: heap.Length - (2 * Page))
            .Build();
        using var log = new DirtyLog(twice);
        log.Start();
        using GuestMemory later = new GuestMemoryBuilder("later").LeaveBackingsOpen().AddRegion(0, heap).Build();
        later.Write(3 * Page, 1);
        later.Write(5 * Page, 1);
        Pages(log.Collect()).ShouldBe([3UL, 0x101UL, 0x103UL]);
    }

    [Fact]
    public void Pages_of_any_size_are_those_of_the_guest()
    {
        const ulong Large = 2 << 20;
        using GuestMemory memory = new GuestMemoryBuilder("apart")
            .AddRegion(Page, new HeapBacking(4 * Large))
            .AddRegion(0x1_0000_0000, new HeapBacking(Large))
            .Build();
        using var log = new DirtyLog(memory, Large);
        log.Start();
        memory.Write(Page, 1);
        memory.Fill(Large - 1, 1, 2);
        memory.Write(0x1_0000_0000 + Large - 4, 1);
        DirtyPages pages = log.Collect();
        pages.ShouldBe([new GuestRange(0, 2 * Large), new GuestRange(0x1_0000_0000, Large)]);
        pages.Count.ShouldBe(3UL);
        pages.PageSize.ShouldBe(Large);
        pages.Contains(Large + 5).ShouldBeTrue();
        pages.Contains(2 * Large).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2048)]
    [InlineData(4097)]
    [InlineData(12288)]
    [InlineData(4 << 20)]
    public void Other_sizes_are_refused(ulong size)
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        Should.Throw<ArgumentOutOfRangeException>(() => new DirtyLog(memory, size));
    }

    [Fact]
    public void It_is_started_before_it_collects_and_once()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        using var log = new DirtyLog(memory);
        Should.Throw<InvalidOperationException>(log.Collect);
        log.Stop();
        log.Start();
        log.IsStarted.ShouldBeTrue();
        Should.Throw<InvalidOperationException>(log.Start);
        log.Stop();
        log.IsStarted.ShouldBeFalse();
        Should.Throw<InvalidOperationException>(log.Collect);
    }

    [Fact]
    public void After_its_end_the_gates_are_calm_and_the_backing_has_nobody_to_tell()
    {
        using var heap = new HeapBacking(4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("two").LeaveBackingsOpen()
            .AddRegion(0, heap, backingOffset: 0, length: Page).AddRegion(2 * Page, heap, Page, Page)
            .Build();
        using (var first = new DirtyLog(memory))
        using (var second = new DirtyLog(memory))
        {
            first.Start();
            second.Start();
            heap.Trackers.ShouldNotBeNull().Length.ShouldBe(1);
            memory.IsDisturbedForWrites.ShouldBeTrue();
        }

        heap.Trackers.ShouldBeNull();
        memory.IsDisturbedForWrites.ShouldBeFalse();
    }

    [Fact]
    public void What_a_failed_write_may_have_written_is_collected()
    {
        using var mapping = new SparseBacking(8 * Page);
        mapping.Commit(0, 2 * Page);
        using var memory = new GuestMemory(mapping, "hole");
        using var log = new DirtyLog(memory);
        log.Start();
        memory.TryFill(100, 7, 4 * Page, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Address.ShouldBe(2 * Page);
        DirtyPages pages = log.Collect();
        pages.Contains(0).ShouldBeTrue();
        pages.Contains(Page).ShouldBeTrue();
    }

    [Fact]
    public void What_a_backing_changes_by_itself_it_can_report()
    {
        using var backing = new ReportingBacking();
        using var memory = new GuestMemory(backing, "reporting");
        using var log = new DirtyLog(memory);
        log.Start();
        backing.Report(2 * Page, 1);
        backing.Report(0, 0);
        Pages(log.Collect()).ShouldBe([2UL]);
        Should.Throw<ArgumentOutOfRangeException>(() => backing.Report(4 * Page, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => backing.Report(0, (4 * Page) + 1));
    }

    [Fact]
    public void A_bitmap_has_a_bit_a_page()
    {
        using GuestMemory memory = GuestMemory.Allocate(256 * Page);
        using var log = new DirtyLog(memory);
        log.Start();
        foreach (ulong page in (ulong[])[0, 9, 63, 64, 100, 255])
        {
            memory.Write(page * Page, 1);
        }

        DirtyPages pages = log.Collect();
        byte[] bitmap = new byte[32];
        Array.Fill(bitmap, (byte)0xee);
        pages.CopyBitmapTo(0, bitmap);
        Convert.ToHexStringLower(bitmap).ShouldBe("0102000000000080" + "0100000010000000" + "0000000000000000" + "0000000000000080");
        pages.CopyBitmapTo(64 * Page, bitmap.AsSpan(0, 3));
        Convert.ToHexStringLower(bitmap.AsSpan(0, 4)).ShouldBe("01000000");
        pages.CopyBitmapTo(64 * Page, bitmap.AsSpan(0, 5));
        Convert.ToHexStringLower(bitmap.AsSpan(0, 5)).ShouldBe("0100000010");
        Should.Throw<ArgumentException>(() => pages.CopyBitmapTo(Page, new byte[8]));
    }

    [Fact]
    public void Periods_can_be_joined()
    {
        using GuestMemory memory = GuestMemory.Allocate(512 * Page);
        using var log = new DirtyLog(memory);
        log.Start();
        memory.Fill(60 * Page, 1, 8 * Page);
        memory.Write(400 * Page, 1);
        DirtyPages first = log.Collect();
        memory.Fill(66 * Page, 1, 4 * Page);
        memory.Write(200 * Page, 1);
        DirtyPages union = first.Union(log.Collect());
        union.ShouldBe([new GuestRange(60 * Page, 10 * Page), new GuestRange(200 * Page, Page), new GuestRange(400 * Page, Page)]);
        union.Count.ShouldBe(12UL);
        union.Generation.ShouldBe(2UL);
        using var other = new DirtyLog(memory, 2 * Page);
        other.Start();
        Should.Throw<ArgumentException>(() => first.Union(other.Collect()));
    }

    [Fact]
    public void Random_writes_are_those_that_a_comparison_finds()
    {
        ulong length = (ulong)LongRun.Count(64, 1024) << 20;
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(length / 4))
            .AddRegion(0x1_0000_0000, new SharedBacking(length - (length / 4)))
            .Build();
        using GuestMemory copy = new GuestMemoryBuilder("copy")
            .AddRegion(0, new HeapBacking(length / 4))
            .AddRegion(0x1_0000_0000, new HeapBacking(length - (length / 4)))
            .Build();
        using var log = new DirtyLog(memory);
        log.Start();
        var random = new Random(14);
        byte[] bytes = new byte[20_000];
        random.NextBytes(bytes);
        for (int i = 0; i < 3000; i++)
        {
            (ulong start, ulong size) = random.Next(3) == 0 ? (0UL, length / 4) : (0x1_0000_0000UL, length - (length / 4));
            int count = random.Next(4) == 0 ? random.Next(1, bytes.Length) : random.Next(1, 9);
            memory.Write(start + (ulong)random.NextInt64((long)size - count), bytes.AsSpan(random.Next(bytes.Length - count), count));
        }

        DirtyPages dirty = log.Collect();
        byte[] left = new byte[Page];
        byte[] right = new byte[Page];
        ulong changed = 0;
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            for (ulong at = region.Range.Start.Value; at < region.Range.Start.Value + region.Range.Length; at += Page)
            {
                memory.Read(at, left);
                copy.Read(at, right);
                bool differs = !left.AsSpan().SequenceEqual(right);
                changed += differs ? 1UL : 0;
                if (differs)
                {
                    dirty.Contains(at).ShouldBeTrue();
                }
            }
        }

        // Nothing but writes of zeros to zeros is named in vain.
        changed.ShouldBeGreaterThan(1000UL);
        dirty.Count.ShouldBeInRange(changed, changed + 20);
    }

    internal static ulong[] Pages(DirtyPages dirty)
    {
        var pages = new List<ulong>();
        foreach (GuestRange range in dirty)
        {
            for (ulong at = range.Start.Value; at < range.Start.Value + range.Length; at += dirty.PageSize)
            {
                pages.Add(at / dirty.PageSize);
            }
        }

        ((ulong)pages.Count).ShouldBe(dirty.Count);
        pages.ShouldAllBe(page => dirty.Contains(page * dirty.PageSize));
        return [.. pages];
    }

    private sealed class ReportingBacking : GuestMemoryBacking
    {
        public override ulong Length => 4 * Page;

        internal void Report(ulong address, ulong length) => ReportWritten(address, length);
    }

    /// <summary>By each form of a write, in the region at address zero and in another.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0x10_0000)]
    public void A_value_over_two_pages_marks_both_where_the_first_is_marked_already(ulong start)
    {
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(0x8000)).AddRegion(0x10_0000, new HeapBacking(0x8000)).Build();
        using var log = new DirtyLog(memory);
        log.Start();
        foreach (Action<ulong> write in (Action<ulong>[])[
            at => memory.Write(at, 1UL),
            at => memory.TryWrite(at, 1UL).ShouldBeTrue(),
            at => memory.TryWrite(at, 1UL, out _).ShouldBeTrue()])
        {
            write(start + 8);
            write(start + 0x1000 - 4);
            write(start + 0x3000 - 8);
            log.Collect().ShouldBe([new GuestRange(start, 0x3000)]);
        }
    }

    [Fact]
    public void A_value_is_marked_where_its_region_lies_in_the_backing()
    {
        var backing = new HeapBacking(0x10000);
        using var whole = new GuestMemory(backing);
        using GuestMemory memory = new GuestMemoryBuilder("parts").AddRegion(0, backing, 0x5000, 0x2000).AddRegion(0x10_0000, backing, 0x9000, 0x2000).Build();
        using var log = new DirtyLog(memory);
        log.Start();
        foreach (ulong start in (ulong[])[0, 0x10_0000])
        {
            // Marks what would be taken for the page's own mark if the place were not looked at.
            whole.Fill(0, 1, 0x5000);
            memory.Write(start + 8, 1UL);
            log.Collect().ShouldBe([new GuestRange(start, 0x1000)]);
            whole.Fill(0, 1, 0x5000);
            memory.TryWrite(start + 0x1008, 1UL).ShouldBeTrue();
            log.Collect().ShouldBe([new GuestRange(start + 0x1000, 0x1000)]);
        }
    }

    /// <summary>The first region is a small part of its backing, which is marked at the addresses of the second.</summary>
    [Fact]
    public void A_value_past_the_first_region_is_not_looked_up_in_its_backing()
    {
        var large = new HeapBacking(0x20_0000);
        using var whole = new GuestMemory(large);
        using GuestMemory memory = new GuestMemoryBuilder("parts").AddRegion(0, large, 0, Page).AddRegion(0x10_0000, new HeapBacking(Page)).Build();
        using var log = new DirtyLog(memory);
        log.Start();
        for (int round = 0; round < 2; round++)
        {
            whole.Fill(0, 1, 0x20_0000);
            memory.Write(0x10_0008, 1UL);
            memory.TryWrite(0x10_0010, 1UL).ShouldBeTrue();
            log.Collect().ShouldBe([new GuestRange(0, Page), new GuestRange(0x10_0000, Page)]);
        }
    }

    /// <summary>More regions than slots, so that some share one; and of two backings, of which one has a log of its own.</summary>
    [Fact]
    public void Values_in_any_of_many_regions_are_collected_once()
    {
        const int Count = 1500;
        using var even = new HeapBacking(Count * Page);
        var odd = new HeapBacking(Count * Page);
        using var ofOddMemory = new GuestMemory(odd);
        var builder = new GuestMemoryBuilder("many");
        for (ulong i = 0; i < Count; i++)
        {
            builder.AddRegion(i * Page, (i & 1) == 0 ? even : odd, i * Page, Page);
        }

        using GuestMemory memory = builder.Build();
        using var ofOdd = new DirtyLog(ofOddMemory);
        ofOdd.Start();
        using var log = new DirtyLog(memory);
        log.Start();
        for (int round = 0; round < 2; round++)
        {
            // Twice: by the way of the first write to a page, and by that of those which follow.
            for (int i = 0; i < 2 * Count; i++)
            {
                memory.Write(((ulong)(i % Count) * Page) + 16, (ulong)i);
            }

            log.Collect().ShouldBe([new GuestRange(0, Count * Page)]);
            ofOdd.Collect().Count.ShouldBe(Count / 2UL);
        }

        log.Stop();
        memory.Write(Page, 1UL);
        memory.Write(0, 1UL);
        ofOdd.Collect().ShouldBe([new GuestRange(Page, Page)]);
        log.Start();
        log.Collect().ShouldBeEmpty();
        even.Dispose();
        memory.TryWrite(0, 1UL).ShouldBeFalse();
        log.Collect();
        memory.TryWrite(Page, 1UL).ShouldBeTrue();
        log.Collect().ShouldBe([new GuestRange(Page, Page)]);
    }

    /// <summary>Pages that a log has marked say nothing to an observer, which is told of each write.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0x10_0000)]
    public void An_observer_beside_a_log_is_told_of_writes_to_pages_that_are_marked(ulong start)
    {
        using GuestMemory memory = new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(0x8000)).AddRegion(0x10_0000, new HeapBacking(0x8000)).Build();
        using var log = new DirtyLog(memory);
        log.Start();
        memory.Write(start + 8, 1UL);
        memory.Write(start + 8, 2UL);
        var told = new List<(GuestAddress Address, ulong Length)>();
        using (memory.ObserveWrites(new ListingObserver(told)))
        {
            memory.Write(start + 8, 3UL);
            memory.TryWrite(start + 16, 4U).ShouldBeTrue();
        }

        memory.Write(start + 8, 5UL);
        told.ShouldBe([(new GuestAddress(start + 8), 8UL), (new GuestAddress(start + 16), 4UL)]);
        log.Collect().ShouldBe([new GuestRange(start, Page)]);
        log.Stop();
        memory.Write(start + 8, 6UL);
        log.Start();
        log.Collect().ShouldBeEmpty();
    }

    /// <summary>Two backings, so that the logs of one memory are set by two threads at once, while it is closed.</summary>
    [Fact]
    public void Logs_start_and_stop_while_their_memory_is_closed()
    {
        for (int i = 0; i < 300; i++)
        {
            using var first = new HeapBacking(4 * Page);
            using var second = new HeapBacking(4 * Page);
            GuestMemory memory = new GuestMemoryBuilder("closing")
                .AddRegion(0, first, 0, 4 * Page, Protection.ReadWrite, leaveOpen: true)
                .AddRegion(0x10_0000, second, 0, 4 * Page, Protection.ReadWrite, leaveOpen: true)
                .Build();
            using var ofFirst = new GuestMemory(first, "first", leaveOpen: true);
            using var ofSecond = new GuestMemory(second, "second", leaveOpen: true);
            Parallel.Invoke(
                () => StartAndStop(ofFirst),
                () => StartAndStop(ofSecond),
                () =>
                {
                    memory.TryWrite(0x10_0008, 1UL).ShouldBeTrue();
                    memory.Dispose();
                    memory.TryWrite(0x10_0008, 1UL).ShouldBeFalse();
                });
        }

        static void StartAndStop(GuestMemory memory)
        {
            using var log = new DirtyLog(memory);
            log.Start();
            memory.Write(8, 1UL);
            log.Collect().ShouldBe([new GuestRange(0, Page)]);
            log.Stop();
        }
    }

    private sealed class ListingObserver(List<(GuestAddress Address, ulong Length)> told) : IWriteObserver
    {
        public void OnWritten(GuestAddress address, ulong length) => told.Add((address, length));
    }
}
