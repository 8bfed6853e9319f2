using System.Buffers.Binary;

using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;
using Hyperspan.Tests.Backing;
using Hyperspan.Tests.Infrastructure;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Snapshots;

/// <summary>Saving while everybody writes: as of one moment, from which on writes are made here on purpose, and leaving nothing behind, however it ends.</summary>
[Trait("Category", "slow")]
public sealed class LiveSaveTests : IDisposable
{
    private const ulong Page = SnapshotBed.Page;
    private const ulong Length = 1024 * Page;

    private readonly SnapshotBed _bed = new();
    private readonly string _shm = $"/dev/shm/hs-live-{Guid.NewGuid():n}";

    public LiveSaveTests() => SnapshotBed.SkipUnlessLive();

    public void Dispose()
    {
        _bed.Dispose();
        File.Delete(_shm);
    }

    [SkippableTheory]
    [InlineData(false, 0)]
    [InlineData(false, 900)]
    [InlineData(true, 60)]
    public async Task Restores_every_byte_as_of_the_moment_at_which_it_was_captured(bool compress, int writes)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(writes), writes);
        byte[] expected = SnapshotBed.BytesOf(memory);
        var options = new SnapshotSaveOptions { Compress = compress, Captured = () => SnapshotBed.Scribble(memory, new Random(writes + 1), 900) };
        SnapshotSaved saved = await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), options);
        SnapshotBed.BytesOf(memory).ShouldNotBe(expected);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.Id.ShouldBe(saved.Id);
        await snapshot.VerifyAsync();
        (await SnapshotBed.RestoredAsync(snapshot)).ShouldEqual(expected);
        _bed.Names().ShouldBe(["a"]);
    }

    [SkippableTheory]
    [InlineData("heap")]
    [InlineData("thp")]
    [InlineData("shared")]
    [InlineData("tmpfs")]
    [InlineData("private")]
    [InlineData("own")]
    [InlineData("huge")]
    public async Task Holds_who_writes_by_operations_pointers_and_system_calls(string kind)
    {
        // Most pages are not even there: nobody has read them.
        using GuestMemory memory = Make(kind);
        byte[] expected = new byte[Length];
        for (ulong page = 0; page < Length / Page; page += 5)
        {
            memory.Write(page * Page, page + 1);
            BinaryPrimitives.WriteUInt64LittleEndian(expected.AsSpan((int)(page * Page)), page + 1);
        }

        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => WriteAll(memory) });
        memory.Read<ulong>(8).ShouldBe(ulong.MaxValue);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        using GuestMemory restored = GuestMemory.Allocate(Length);
        await snapshot.RestoreAsync(restored);
        SnapshotBed.BytesOf(restored).ShouldEqual(expected);
    }

    [SkippableFact]
    public void Saves_while_threads_write_without_rest()
    {
        foreach (string kind in (string[])["heap", "shared"])
        {
            ChildProcess.Run("live-save", kind, _bed.PathOf(""), "3", "live").ShouldSucceed();
        }

        Directory.CreateDirectory(_shm);
        try
        {
            ChildProcess.Run("live-save", "file", _shm, "2", "live").ShouldSucceed();
        }
        finally
        {
            Directory.Delete(_shm, recursive: true);
        }
    }

    [SkippableFact]
    public void What_holds_nobody_is_noticed() => ChildProcess.Run("live-save", "shared", _bed.PathOf(""), "20", "paused-not").ShouldSucceed();

    [SkippableFact]
    public async Task Goes_on_in_a_file_where_what_is_to_be_kept_is_more_than_memory_is_given()
    {
        using GuestMemory memory = Make("shared");
        SnapshotBed.Scribble(memory, new Random(1), 900);
        byte[] expected = SnapshotBed.BytesOf(memory);
        using FileStream spill = SpillFile.Create(_bed.PathOf(""));
        _bed.Names().ShouldBeEmpty();
        using (var image = new LiveMemoryImage(memory, skipUnreadable: false, spill.SafeFileHandle, memorySlots: 20))
        {
            image.Capture();
            memory.Fill(0, 0x55, Length);
            image.KeptBytes.ShouldBe(Length);
            spill.Length.ShouldBe((long)Length);
            await GuestMemorySnapshot.SaveAsync(image, _bed.PathOf("a"), new SnapshotSaveOptions(), progress: null, CancellationToken.None);
        }

        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        using GuestMemory restored = GuestMemory.Allocate(Length);
        await snapshot.RestoreAsync(restored);
        SnapshotBed.BytesOf(restored).ShouldEqual(expected);
    }

    [SkippableFact]
    public void Lets_everybody_go_and_fails_where_nothing_more_can_be_kept()
    {
        using GuestMemory memory = Make("heap");
        memory.Fill(0, 1, Length);
        using SafeFileHandle full = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using (var image = new LiveMemoryImage(memory, skipUnreadable: false, full, memorySlots: 3 * SelfProbe.GuestPages))
        {
            image.Capture();
            memory.Write(0, 5UL);
            memory.Write(SelfProbe.Page, 5UL);
            image.Read(0, 1, new byte[Page]);
            memory.Fill(0, 2, Length);
            image.KeptBytes.ShouldBe(3 * SelfProbe.Page);
            Should.Throw<IOException>(() => image.Read(0, 1, new byte[Page])).Message.ShouldContain("No space left");
        }

        ShouldBeLeftAlone(memory);
    }

    [SkippableFact]
    public async Task Saves_what_differs_from_an_earlier_one()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        using var log = new DirtyLog(memory);
        log.Start();
        SnapshotBed.Scribble(memory, new Random(1), 200);
        log.Collect();
        SnapshotSaved saved = await GuestMemorySnapshot.SaveLiveAsync(
            memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => SnapshotBed.Scribble(memory, new Random(2), 50) });
        saved.KeptBytes.ShouldBeGreaterThan(0UL);
        byte[] expected = SnapshotBed.BytesOf(memory);
        using GuestMemorySnapshot first = GuestMemorySnapshot.Open(_bed.PathOf("a"));

        // What was written while the first was saved is in the log, and so is in the second.
        DirtyPages changed = log.Collect();
        await GuestMemorySnapshot.SaveLiveAsync(
            memory, _bed.PathOf("b"), new SnapshotSaveOptions { Since = first, Changed = changed, Captured = () => SnapshotBed.Scribble(memory, new Random(3), 50) });
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("c"), new SnapshotSaveOptions { Since = first });
        using (GuestMemorySnapshot second = GuestMemorySnapshot.Open(_bed.PathOf("b")))
        {
            second.ParentId.ShouldBe(first.Id);
            (await SnapshotBed.RestoredAsync(second)).ShouldEqual(expected);
        }

        using GuestMemorySnapshot compared = GuestMemorySnapshot.Open(_bed.PathOf("c"));
        (await SnapshotBed.RestoredAsync(compared)).ShouldEqual(SnapshotBed.BytesOf(memory));
    }

    [SkippableFact]
    public async Task Takes_sections_and_tells_of_progress()
    {
        using GuestMemory memory = Make("shared");
        memory.Write(5 * Page, 1UL);
        ulong told = 0;
        var progress = new Progress(report => told = report.Done);
        var options = new SnapshotSaveOptions { Sections = [new SnapshotSection("state", "abc"u8.ToArray())] };
        SnapshotSaved saved = await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), options, progress);
        saved.StoredPages.ShouldBe(1UL);
        told.ShouldBe(Length);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.Sections.Single().Name.ShouldBe("state");
    }

    [SkippableFact]
    public void Each_page_is_as_it_was_where_regions_share_it()
    {
        var backing = new SharedBacking(64 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("twice").AddRegion(0, backing).AddRegion(0x1000_0000, backing).AddRegion(0x1_0000_0000, new HeapBacking(Page)).Build();
        SnapshotBed.Scribble(memory, new Random(1), 300);
        byte[] expected = SnapshotBed.BytesOf(memory);
        using FileStream spill = SpillFile.Create(_bed.PathOf(""));
        using (var image = new LiveMemoryImage(memory, skipUnreadable: false, spill.SafeFileHandle))
        {
            image.Capture();
            byte[] bytes = new byte[64 * Page];
            image.TryNext(0, out _, out _).ShouldBeTrue();
            image.Read(0, ulong.MaxValue, bytes);
            bytes.ShouldEqual(expected[..bytes.Length]);
            image.TryNext(0x1000_0000 >> 18, out ulong chunk, out _).ShouldBeTrue();
            memory.Fill(0, 9, 64 * Page);
            image.Read(chunk, ulong.MaxValue, bytes);
            bytes.ShouldEqual(expected[..bytes.Length]);
        }

        ShouldBeLeftAlone(memory);
    }

    [SkippableFact]
    public async Task A_slice_holds_its_own_pages_alone()
    {
        using GuestMemory memory = Make("shared");
        memory.Fill(0, 1, Length);
        ulong unit = SelfProbe.Page;
        using GuestMemory slice = memory.Slice(10 * unit, 20 * unit);
        byte[] expected = SnapshotBed.BytesOf(slice);
        using FileStream spill = SpillFile.Create(_bed.PathOf(""));
        using (var image = new LiveMemoryImage(slice, skipUnreadable: false, spill.SafeFileHandle))
        {
            image.Capture();
            memory.Fill(0, 2, Length);
            image.KeptBytes.ShouldBe(20 * unit);
        }

        await GuestMemorySnapshot.SaveLiveAsync(slice, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => slice.Fill(0, 3, 20 * unit) });
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        byte[] bytes = new byte[20 * unit];
        snapshot.Read(0, bytes);
        bytes.ShouldAllBe(value => value == 2);
        expected.ShouldAllBe(value => value == 1);
    }

    [SkippableFact]
    public async Task A_cancelled_one_leaves_what_was_there_and_lets_everybody_go()
    {
        using GuestMemory memory = Make("heap");
        memory.Fill(0, 1, Length);
        File.WriteAllText(_bed.PathOf("a"), "old");
        using var source = new CancellationTokenSource();
        await Should.ThrowAsync<OperationCanceledException>(
            GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = source.Cancel }, progress: null, source.Token));
        File.ReadAllText(_bed.PathOf("a")).ShouldBe("old");
        _bed.Names().ShouldBe(["a"]);
        ShouldBeLeftAlone(memory);
    }

    [SkippableFact]
    public async Task A_target_that_is_full_lets_everybody_go()
    {
        using GuestMemory memory = Make("shared");
        memory.Fill(0, 1, Length);
        using (var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            await Should.ThrowAsync<IOException>(GuestMemorySnapshot.SaveLiveAsync(memory, full));
        }

        await Should.ThrowAsync<DirectoryNotFoundException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("nowhere/a")));
        await Should.ThrowAsync<TimeZoneNotFoundException>(
            GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => throw new TimeZoneNotFoundException() }));
        ShouldBeLeftAlone(memory);
    }

    [SkippableTheory]
    [InlineData("heap", false)]
    [InlineData("shared", false)]
    [InlineData("shared", true)]
    public async Task Memory_that_is_disposed_meanwhile_ends_it(string kind, bool skipUnreadable)
    {
        GuestMemory memory = Make(kind);
        memory.Fill(0, 1, Length);
        var options = new SnapshotSaveOptions { SkipUnreadable = skipUnreadable, Captured = memory.Dispose };
        GuestMemoryException e = await Should.ThrowAsync<GuestMemoryException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), options));
        e.Fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        _bed.Names().ShouldBeEmpty();
        await Should.ThrowAsync<ObjectDisposedException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), options));
    }

    [SkippableFact]
    public async Task What_cannot_be_held_is_refused_with_the_reason()
    {
        using (var peers = new SharedBacking(Page))
        {
            using var foreign = new GuestMemory(new ForeignBacking(peers.Handle, 0, Page));
            (await Refused(foreign)).ShouldContain("another process has it too");
        }

        using var sparse = new GuestMemory(new SparseBacking(Page));
        (await Refused(sparse)).ShouldContain("come and go");
        using var bare = new GuestMemory(new BareBacking());
        (await Refused(bare)).ShouldContain("no mapping");
        using var onDisk = new TemporaryFile((long)Page);
        bool isTmpfs = false;
        using (SafeFileHandle handle = File.OpenHandle(onDisk.Path))
        {
            isTmpfs = FileDescriptors.FileSystemMagic(handle) == LinuxConstants.TMPFS_MAGIC;
        }

        if (!isTmpfs)
        {
            using var file = new GuestMemory(new FileBacking(onDisk.Path, FileAccess.ReadWrite));
            (await Refused(file)).ShouldContain("file system");
            using var copied = new GuestMemory(new FileBacking(onDisk.Path, options: new FileBackingOptions { CopyOnWrite = true }));
            GuestMemoryMappingException refused = await Should.ThrowAsync<GuestMemoryMappingException>(GuestMemorySnapshot.SaveLiveAsync(copied, _bed.PathOf("a")));
            refused.ErrorName.ShouldBe("EINVAL");
            refused.Message.ShouldContain("no file on a disk");
        }

        // What nobody writes need not be held.
        using GuestMemory firmware = new GuestMemoryBuilder("with firmware").AddRegion(0, new HeapBacking(Page)).AddRegion(0x10_0000, new FileBacking(onDisk.Path)).Build();
        await GuestMemorySnapshot.SaveLiveAsync(firmware, _bed.PathOf("firmware"));
        _bed.Names().ShouldBe(["firmware"]);
    }

    [SkippableFact]
    public async Task What_something_else_watches_is_refused_and_goes_on_being_watched()
    {
        using GuestMemory memory = new GuestMemoryBuilder("both").AddRegion(0, new HeapBacking(Page)).AddRegion(0x10_0000, new HeapBacking(Page)).Build();
        using GuestMemory watched = memory.Slice(0x10_0000, Page);
        using var log = new DirtyLog(watched, scope: DirtyLogScope.Mapping);
        try
        {
            log.Start();
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
        }

        log.Collect();
        GuestMemoryMappingException refused = await Should.ThrowAsync<GuestMemoryMappingException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a")));
        refused.ErrorName.ShouldBe("EBUSY");
        refused.Message.ShouldContain("dirty log");
        WriteByPointer(memory, 1);
        log.Collect().Count.ShouldBe(1UL);
        log.Stop();

        // Nor twice at the same time.
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions
        {
            Captured = () => Should.Throw<GuestMemoryMappingException>(() => GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("b")).GetAwaiter().GetResult()),
        });
        ShouldBeLeftAlone(memory);
    }

    /// <summary>A limit, and stated to be one.</summary>
    [SkippableFact]
    public async Task Writes_through_another_mapping_are_not_held()
    {
        var backing = new SharedBacking(Page);
        using var memory = new GuestMemory(backing);
        using var other = new GuestMemory(new ForeignBacking(backing.Handle, 0, Page));
        memory.Write(0, 1UL);
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => other.Write(0, 2UL) });
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        byte[] bytes = new byte[8];
        snapshot.Read(0, bytes);
        BitConverter.ToUInt64(bytes).ShouldBe(2UL);
    }

    private static unsafe void WriteAll(GuestMemory memory)
    {
        using SafeFileHandle random = File.OpenHandle("/dev/urandom");

        // SAFETY: in memory that stays.
        byte* mapping = memory.Regions[0].Backing!.Mapping;
        for (ulong page = 0; page < Length / Page; page += 4)
        {
            memory.Write((page * Page) + 8, ulong.MaxValue);
            mapping[((page + 1) * Page) + 9] = 7;
            LibC.Read(random, mapping + ((page + 2) * Page), (nuint)Page).ShouldBe((nint)Page);
            memory.Fill((page + 3) * Page, 0, Page);
        }
    }

    private static unsafe void WriteByPointer(GuestMemory memory, int region)
    {
        // SAFETY: in memory that stays.
        *memory.Regions[region].Backing!.Mapping = 1;
    }

    private async Task<string> Refused(GuestMemory memory) =>
        (await Should.ThrowAsync<NotSupportedException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a")))).Message;

    /// <summary>Nothing is registered any more, or it could not be again.</summary>
    private void ShouldBeLeftAlone(GuestMemory memory)
    {
        memory.Write(0, 3UL);
        GuestMemorySnapshot.SaveLiveAsync(memory, new MemoryStream()).GetAwaiter().GetResult();
        memory.Read<ulong>(0).ShouldBe(3UL);
    }

    private GuestMemory Make(string kind)
    {
        if (kind is "own")
        {
            return new GuestMemory(new WrappingBacking(Make("private")));
        }

        if (kind is "tmpfs" or "private")
        {
            using (FileStream file = File.Create(_shm))
            {
                file.SetLength((long)Length);
                file.WriteByte(42);
            }

            using SafeFileHandle handle = File.OpenHandle(_shm);
            Skip.If(FileDescriptors.FileSystemMagic(handle) != LinuxConstants.TMPFS_MAGIC, "/dev/shm is no tmpfs");
            bool isPrivate = kind == "private";
            return new GuestMemory(new FileBacking(_shm, isPrivate ? FileAccess.Read : FileAccess.ReadWrite, new FileBackingOptions { CopyOnWrite = isPrivate }));
        }

        try
        {
            return new GuestMemory(kind switch
            {
                "heap" => new HeapBacking(Length),
                "thp" => new HeapBacking(Length, new HeapBackingOptions { HugePageAdvice = HugePageAdvice.Prefer }),
                "huge" => new SharedBacking(Length, new SharedBackingOptions { HugePages = HugePageSize.Size2MiB }),
                _ => new SharedBacking(Length),
            });
        }
        catch (GuestMemoryMappingException e) when (kind == "huge")
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    private sealed class Progress(Action<SnapshotProgress> report) : IProgress<SnapshotProgress>
    {
        public void Report(SnapshotProgress value) => report(value);
    }

    /// <summary>A backing of one's own, of which nobody knows what is mapped.</summary>
    private sealed class WrappingBacking(GuestMemory inner) : GuestMemoryBacking
    {
        public override ulong Length => LiveSaveTests.Length;

        public override unsafe byte* Mapping => inner.Regions[0].Backing!.Mapping;

        protected override void Release() => inner.Dispose();
    }

    private sealed class BareBacking : GuestMemoryBacking
    {
        public override ulong Length => Page;
    }
}
