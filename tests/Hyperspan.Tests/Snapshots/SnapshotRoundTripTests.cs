using Hyperspan.Snapshots;
using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests.Snapshots;

[Trait("Category", "slow")]
public sealed class SnapshotRoundTripTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 60)]
    [InlineData(false, 900)]
    [InlineData(true, 60)]
    [InlineData(true, 900)]
    public async Task Restores_every_byte(bool compress, int writes)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(writes), writes);
        SnapshotSaved saved = await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Compress = compress });
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.Id.ShouldBe(saved.Id);
        snapshot.ParentId.ShouldBeNull();
        snapshot.FileBytes.ShouldBe(saved.FileBytes);
        snapshot.FileBytes.ShouldBe((ulong)new FileInfo(_bed.PathOf("a")).Length);
        snapshot.Regions.Select(region => region.Range).ShouldBe(memory.Regions.Select(region => region.Range));
        snapshot.Regions[2].Name.ShouldBe("odd");
        await snapshot.VerifyAsync();
        (await SnapshotBed.RestoredAsync(snapshot)).ShouldEqual(SnapshotBed.BytesOf(memory));
        ((ulong)snapshot.GetStoredRanges().Sum(range => (long)range.PageCount)).ShouldBe(saved.StoredPages);
        _bed.Names().ShouldBe(["a"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(900)]
    public async Task Is_saved_and_restored_by_a_line_each(int writes)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(writes), writes);
        GuestMemorySnapshot.Save(memory, _bed.PathOf("a")).FileBytes.ShouldBe((ulong)new FileInfo(_bed.PathOf("a")).Length);
        using (GuestMemory restored = GuestMemorySnapshot.Restore(_bed.PathOf("a")))
        {
            File.Delete(_bed.PathOf("a"));
            restored.Regions.Select(region => (region.Range, region.Protection)).ShouldBe(memory.Regions.Select(region => (region.Range, region.Protection)));
            restored.Name.ShouldBe("a");
            SnapshotBed.BytesOf(restored).ShouldEqual(SnapshotBed.BytesOf(memory));
        }

        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("b"), CancellationToken.None);
        var stream = new MemoryStream();
        await GuestMemorySnapshot.SaveAsync(memory, stream, CancellationToken.None);
        stream.Length.ShouldBe(new FileInfo(_bed.PathOf("b")).Length);
        await Should.ThrowAsync<OperationCanceledException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("c"), new CancellationToken(canceled: true)));
        File.WriteAllText(_bed.PathOf("d"), new string('x', 8192));
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Restore(_bed.PathOf("d")));
        Should.Throw<FileNotFoundException>(() => GuestMemorySnapshot.Restore(_bed.PathOf("c")));
        Should.Throw<DirectoryNotFoundException>(() => GuestMemorySnapshot.Save(memory, _bed.PathOf("none/a")));
        _bed.Names().ShouldBe(["b", "d"]);
    }

    /// <summary>What is written first, beside it, has a name as well.</summary>
    [LinuxTheory]
    [InlineData(216)]
    [InlineData(217)]
    [InlineData(255)]
    public void Is_saved_by_a_name_as_long_as_a_name_can_be(int length)
    {
        using GuestMemory memory = GuestMemory.Allocate(SnapshotBed.Page);
        memory.Write(8, 0x1234_5678UL);
        string name = "\u00fc" + new string('n', length - 2);
        GuestMemorySnapshot.Save(memory, _bed.PathOf(name));
        using GuestMemory restored = GuestMemorySnapshot.Restore(_bed.PathOf(name));
        restored.Read<ulong>(8).ShouldBe(0x1234_5678UL);
        _bed.Names().ShouldBe([name]);
    }

    [Fact]
    public void Memory_that_may_only_be_read_is_restored_as_such()
    {
        using GuestMemory memory = new GuestMemoryBuilder("rom").AddRegion(0x1000, new HeapBacking([1, 2, 3, 4]), protection: Protection.Read).Build();
        GuestMemorySnapshot.Save(memory, _bed.PathOf("a"));
        using GuestMemory restored = GuestMemorySnapshot.Restore(_bed.PathOf("a"));
        restored.Read<uint>(0x1000).ShouldBe(0x0403_0201u);
        restored.TryWrite(0x1000, 0u).ShouldBeFalse();
        restored.Length.ShouldBe(4UL);
    }

    [Fact]
    public async Task Pages_that_are_zero_or_absent_take_no_room()
    {
        using var memory = new GuestMemory(new HeapBacking(1UL << 30), "ram");
        memory.Fill(0x10_0000, 0, 64 * SnapshotBed.Page);
        memory.Write(0x2000_0000, 1UL);
        SnapshotSaved saved = await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        saved.StoredPages.ShouldBe(1UL);
        saved.FileBytes.ShouldBeLessThan(16UL << 10);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.GetStoredRanges().ShouldBe([new GuestRange(0x2000_0000, 4096)]);
    }

    /// <summary>By whatever name: those who map it would go on with a file that nobody finds.</summary>
    [LinuxFact]
    public async Task The_file_that_holds_the_memory_is_not_replaced()
    {
        string path = _bed.PathOf("ram");
        File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)7, 3 * (int)SnapshotBed.Page)]);
        string link = _bed.PathOf("link");
        File.CreateSymbolicLink(link, path);
        using GuestMemory memory = new GuestMemoryBuilder("vm").AddRegion(0, new HeapBacking(SnapshotBed.Page)).AddRegion(0x10_0000, new FileBacking(path)).Build();
        foreach (string place in (string[])[path, link, Path.Combine(Path.GetDirectoryName(path)!, ".", "ram")])
        {
            (await Should.ThrowAsync<ArgumentException>(() => GuestMemorySnapshot.SaveAsync(memory, place))).Message.ShouldContain("holds the memory itself");
            (await Should.ThrowAsync<ArgumentException>(() => GuestMemorySnapshot.SaveLiveAsync(memory, place))).ParamName.ShouldBe("path");
            (await Should.ThrowAsync<ArgumentException>(() => Hyperspan.Dumps.GuestMemoryDump.WriteAsync(memory, place))).ParamName.ShouldBe("path");
        }

        File.ReadAllBytes(path).ShouldAllBe(b => b == 7);
        _bed.Names().ShouldBe(["link", "ram"]);
        (await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("other"))).StoredPages.ShouldBe(3UL);
    }

    [Fact]
    public async Task Writes_to_a_stream_that_cannot_seek()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(5), 100);
        var stream = new MemoryStream();
        await GuestMemorySnapshot.SaveAsync(memory, new ForwardStream(stream));
        File.WriteAllBytes(_bed.PathOf("a"), stream.ToArray());
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        (await SnapshotBed.RestoredAsync(snapshot)).ShouldEqual(SnapshotBed.BytesOf(memory));
    }

    [Fact]
    public async Task Sections_come_back()
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 16);
        byte[] large = new byte[3_000_001];
        new Random(1).NextBytes(large);
        SnapshotSection[] sections = [new("cpu", new byte[] { 1, 2, 3 }), new("empty", ReadOnlyMemory<byte>.Empty), new("device/disk é", new MemoryStream(large))];
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Sections = sections });
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.Sections.Select(section => (section.Name, section.Length)).ShouldBe([("cpu", 3UL), ("empty", 0UL), ("device/disk é", 3_000_001UL)]);
        snapshot.ReadSection("cpu", 10).ShouldBe([1, 2, 3]);
        snapshot.ReadSection("empty", 10).ShouldBe([]);
        snapshot.ReadSection("device/disk é", int.MaxValue)!.ShouldEqual(large);
        snapshot.ReadSection("none", 10).ShouldBeNull();
        Should.Throw<InvalidSnapshotException>(() => snapshot.ReadSection("cpu", 2));
        await Should.ThrowAsync<ArgumentException>(() => GuestMemorySnapshot.SaveAsync(
            memory, _bed.PathOf("b"), new SnapshotSaveOptions { Sections = [sections[0], sections[0]] }));
        _bed.Names().ShouldBe(["a"]);
    }

    [Fact]
    public async Task Read_gives_any_bytes()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(8), 300);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        byte[] seen = new byte[100_001];
        byte[] expected = new byte[seen.Length];
        snapshot.Read(0x1_0000_0123, seen);
        memory.Read(0x1_0000_0123, expected);
        seen.ShouldEqual(expected);
        Should.Throw<ArgumentOutOfRangeException>(() => snapshot.Read(600 * SnapshotBed.Page - 1, seen));
        Should.Throw<ArgumentOutOfRangeException>(() => snapshot.Read(0x2_0000_0000, new byte[1]));
    }

    [SkippableFact]
    public async Task Sparse_mapping_keeps_what_is_there()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        var mapping = new SparseBacking(1 << 20);
        ulong unit = SelfProbe.Page;
        mapping.Commit(unit, 3 * unit);
        mapping.MapZero(8 * unit, unit);
        using var memory = new GuestMemory(mapping, "sparse");
        memory.Write((3 * unit) - 8, ulong.MaxValue);
        SnapshotSaved saved = await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        saved.UnreadablePages.ShouldBe(0UL);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.GetStoredRanges().ShouldBe([new GuestRange((3 * unit) - SnapshotBed.Page, SnapshotBed.Page)]);
    }

    /// <summary>What the kernel says of its own pages, which may be larger: else all of the memory is read, or pages are taken for absent that are not.</summary>
    [LinuxTheory]
    [InlineData("heap")]
    [InlineData("sparse")]
    public void Pages_that_are_not_there_are_passed_over(string kind)
    {
        ulong unit = SelfProbe.Page;
        GuestMemoryBacking backing = kind == "heap" ? new HeapBacking(64 * unit, new HeapBackingOptions { HugePageAdvice = HugePageAdvice.Avoid }) : new SparseBacking(64 * unit);
        (backing as SparseBacking)?.Commit(0, 64 * unit);
        using var memory = new GuestMemory(backing, "ram");
        memory.Write(10 * unit, 1UL);
        memory.Write((13 * unit) - 8, 1UL);
        using var present = new PresentPages(backing);
        List<(ulong Start, ulong Stop)> parts = [];
        for (ulong at = 0; present.TryNext(at, 64 * unit, out ulong start, out at);)
        {
            parts.Add((start / unit, at / unit));
        }

        parts.ShouldBe([(10UL, 11UL), (12UL, 13UL)]);
    }

    [SkippableFact]
    public async Task Memory_that_was_truncated_fails_or_is_left_out()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        ulong unit = SelfProbe.Page;
        File.WriteAllBytes(_bed.PathOf("file"), [.. Enumerable.Repeat((byte)7, 8 * (int)unit)]);
        using var memory = new GuestMemory(new FileBacking(_bed.PathOf("file"), options: new FileBackingOptions { CopyOnWrite = true }), "file");
        using (FileStream file = File.Open(_bed.PathOf("file"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(4 * (long)unit);
        }

        GuestMemoryException failure = await Should.ThrowAsync<GuestMemoryException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a")));
        failure.Fault.Address.ShouldBe(new GuestAddress(4 * unit));
        _bed.Names().ShouldBe(["file"]);
        SnapshotSaved saved = await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { SkipUnreadable = true });
        saved.UnreadablePages.ShouldBe(4 * SelfProbe.GuestPages);
        saved.StoredPages.ShouldBe(4 * SelfProbe.GuestPages);
    }

    [Fact]
    public async Task Failed_or_cancelled_saving_leaves_what_was_there()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(8), 300);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        byte[] before = File.ReadAllBytes(_bed.PathOf("a"));
        using var source = new CancellationTokenSource();
        var failing = new SnapshotSection("fails", new FailingStream());
        await Should.ThrowAsync<IOException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Sections = [failing] }));
        source.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), cancellationToken: source.Token));
        File.ReadAllBytes(_bed.PathOf("a")).ShouldEqual(before);
        _bed.Names().ShouldBe(["a"]);
    }

    [SkippableFact]
    public async Task Saving_follows_links_and_refuses_what_is_no_file()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        using GuestMemory memory = GuestMemory.Allocate(1 << 16);
        File.WriteAllText(_bed.PathOf("real"), "old");
        File.CreateSymbolicLink(_bed.PathOf("link"), "real");
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("link"));
        new FileInfo(_bed.PathOf("link")).LinkTarget.ShouldBe("real");
        using (GuestMemorySnapshot.Open(_bed.PathOf("real")))
        {
        }

        new FileInfo(_bed.PathOf("real")).UnixFileMode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await Should.ThrowAsync<IOException>(() => GuestMemorySnapshot.SaveAsync(memory, "/dev/null"));
        await Should.ThrowAsync<IOException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf(".")));
        await Should.ThrowAsync<IOException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("none/a")));
    }

    [Fact]
    public async Task Restoring_into_a_memory_that_lacks_a_part_changes_nothing()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(8), 300);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        using GuestMemory smaller = GuestMemory.Allocate(599 * SnapshotBed.Page);
        GuestMemoryException failure = await Should.ThrowAsync<GuestMemoryException>(() => snapshot.RestoreAsync(smaller));
        failure.Fault.Address.ShouldBe(new GuestAddress(599 * SnapshotBed.Page));
        SnapshotBed.BytesOf(smaller).AsSpan().ContainsAnyExcept((byte)0).ShouldBeFalse();
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restored_file_is_the_memory_file_again(bool exists)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        byte[] bytes = new byte[(600 * 4096) + 77];
        new Random(3).NextBytes(bytes.AsSpan(100_000, 300_000));
        bytes[^1] = 9;
        File.WriteAllBytes(_bed.PathOf("ram"), bytes);
        using (var memory = new GuestMemory(new FileBacking(_bed.PathOf("ram")), "ram"))
        {
            await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        }

        if (exists)
        {
            byte[] other = new byte[700 * 4096];
            Array.Fill(other, (byte)3);
            File.WriteAllBytes(_bed.PathOf("again"), other);
        }

        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        await snapshot.RestoreFileAsync(_bed.PathOf("again"));
        File.ReadAllBytes(_bed.PathOf("again")).ShouldEqual(bytes);
    }

    [Fact]
    public async Task Progress_ends_with_all()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(8), 300);
        var saving = new LastReport();
        var restoring = new LastReport();
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"), progress: saving);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        await snapshot.VerifyAsync(restoring);
        saving.Last.Done.ShouldBe((903 * SnapshotBed.Page) + 5000);
        saving.Last.Total.ShouldBe(saving.Last.Done);
        restoring.Last.Done.ShouldBe(saving.Last.Done);
    }

    private sealed class LastReport : IProgress<SnapshotProgress>
    {
        public SnapshotProgress Last { get; private set; }

        public void Report(SnapshotProgress value) => Last = value;
    }

    private sealed class FailingStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("no more");
    }

    private sealed class ForwardStream(Stream inner) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    }
}
