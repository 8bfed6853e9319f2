using System.Buffers.Binary;

using Hyperspan.Snapshots;

namespace Hyperspan.Tests.Snapshots;

/// <summary>Files that are damaged, and files that were made to do damage: every checksum is right in the latter.</summary>
[Trait("Category", "slow")]
public sealed class HostileSnapshotTests : IDisposable
{
    private const int Footer = SnapshotFormat.FooterLength;

    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_changed_byte_is_noticed_or_means_nothing(bool compress)
    {
        (byte[] file, byte[] memory) = await CreateAsync(compress);
        var random = new Random(17);
        int noticed = 0;
        for (int i = 0; i < 400; i++)
        {
            byte[] changed = (byte[])file.Clone();
            int at = i % 2 == 0 ? random.Next(changed.Length) : Math.Max(changed.Length - 1 - random.Next(400), 0);
            changed[at] ^= (byte)(1 << random.Next(8));
            if (await OutcomeAsync(changed) is { } restored)
            {
                restored.ShouldEqual(memory);
            }
            else
            {
                noticed++;
            }
        }

        noticed.ShouldBeGreaterThan(200);
    }

    [Fact]
    public async Task Any_end_is_noticed()
    {
        (byte[] file, _) = await CreateAsync(compress: false);
        var random = new Random(18);
        for (int i = 0; i < 200; i++)
        {
            (await OutcomeAsync(file[..(i < 100 ? random.Next(file.Length) : file.Length - 1 - i)])).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Numbers_with_right_checksums_do_no_harm(bool compress)
    {
        (byte[] file, _) = await CreateAsync(compress);
        var random = new Random(compress ? 19 : 20);
        ulong[] favourites = [0, 1, 8, 4095, 4096, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue, ulong.MaxValue - 4095, (ulong)file.Length];
        int accepted = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] changed = (byte[])file.Clone();
            int directory = (int)BinaryPrimitives.ReadUInt64LittleEndian(changed.AsSpan(changed.Length - Footer));
            int index = IndexOfBlock(changed, directory);
            (int from, int to) = (i % 4) switch
            {
                0 => (0, 64),
                1 => (changed.Length - Footer, changed.Length),
                2 => (directory, changed.Length - Footer),
                _ => (index, directory),
            };
            for (int n = random.Next(3); n >= 0; n--)
            {
                int at = random.Next(from, to - 8);
                at = random.Next(2) == 0 ? at & ~7 : at;
                if (random.Next(2) == 0)
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan(at), favourites[random.Next(favourites.Length)] + (ulong)random.Next(2));
                }
                else
                {
                    changed[at] = (byte)random.Next(256);
                }
            }

            Reseal(changed, directory, index);
            long before = GC.GetAllocatedBytesForCurrentThread();
            accepted += Open(changed) ? 1 : 0;
            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4 << 20);
        }

        accepted.ShouldBeLessThan(3000);
        accepted.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task File_that_claims_to_be_huge_costs_nothing()
    {
        (byte[] file, _) = await CreateAsync(compress: false);

        // A hole of 1 TiB where the directory of 16 MiB is said to be.
        using (FileStream stream = File.Create(_bed.PathOf("huge")))
        {
            stream.Write(file);
            stream.SetLength(1L << 40);
            byte[] footer = file[^Footer..];
            BinaryPrimitives.WriteUInt64LittleEndian(footer, (1UL << 40) - Footer - SnapshotFormat.LongestDirectory);
            BinaryPrimitives.WriteUInt64LittleEndian(footer.AsSpan(8), SnapshotFormat.LongestDirectory);
            BinaryPrimitives.WriteUInt64LittleEndian(footer.AsSpan(40), 1UL << 40);
            BinaryPrimitives.WriteUInt32LittleEndian(footer.AsSpan(56), SnapshotFormat.Checksum(footer.AsSpan(0, 56)));
            stream.Position = (1L << 40) - Footer;
            stream.Write(footer);
        }

        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("huge")));
    }

    [Fact]
    public async Task Difference_to_itself_is_refused()
    {
        (byte[] file, _) = await CreateAsync(compress: false);
        file.AsSpan(16, 16).CopyTo(file.AsSpan(32));
        int directory = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(file.Length - Footer));
        Reseal(file, directory, IndexOfBlock(file, directory));
        File.WriteAllBytes(_bed.PathOf("x"), file);
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("x"))).Message.ShouldContain("to itself");
    }

    /// <summary>Written again it would be longer than a name may be, or another's.</summary>
    [Fact]
    public async Task Section_whose_name_is_no_text_is_refused()
    {
        (byte[] file, _) = await CreateAsync(compress: false);
        int directory = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(file.Length - Footer));
        file.AsSpan(directory).LastIndexOf("own"u8).ShouldBeGreaterThan(0);
        file[directory + file.AsSpan(directory).LastIndexOf("own"u8)] = 0xff;
        Reseal(file, directory, IndexOfBlock(file, directory));
        File.WriteAllBytes(_bed.PathOf("x"), file);
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("x"))).Message.ShouldContain("a section has no name that can be");
    }

    [Fact]
    public async Task Names_are_written_as_they_are_read_again()
    {
        using var memory = new GuestMemory(new HeapBacking(4096, new HeapBackingOptions { Name = new string('a', SnapshotFormat.LongestName - 1) + "\u00e9" }), "m");
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        snapshot.Regions[0].Name.ShouldBe(new string('a', SnapshotFormat.LongestName - 1));
        var half = new SnapshotSaveOptions { Sections = [new("\ud800", new byte[1])] };
        (await Should.ThrowAsync<ArgumentException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("b"), half))).ParamName.ShouldBe("options");
    }

    /// <summary>From one deep folder to another it is longer than either path.</summary>
    [SkippableFact]
    public async Task Earlier_snapshot_is_found_however_long_the_way_to_it_is()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "paths are shorter elsewhere");
        string[] folders = [.. "xy".Select(name => _bed.PathOf(Path.Combine([.. Enumerable.Repeat(new string(name, 200), 11)])))];
        Array.ForEach(folders, folder => Directory.CreateDirectory(folder));
        using var memory = new GuestMemory(new HeapBacking(4096), "m");
        await GuestMemorySnapshot.SaveAsync(memory, Path.Combine(folders[0], "a"));
        using GuestMemorySnapshot since = GuestMemorySnapshot.Open(Path.Combine(folders[0], "a"));
        memory.Write(0, 1);
        await GuestMemorySnapshot.SaveAsync(memory, Path.Combine(folders[1], "b"), new SnapshotSaveOptions { Since = since });
        using GuestMemorySnapshot later = GuestMemorySnapshot.Open(Path.Combine(folders[1], "b"));
        later.Chain.Count.ShouldBe(2);
    }

    /// <summary>Neither at the place nor where a link there leads to.</summary>
    [SkippableFact]
    public async Task Nothing_is_left_of_a_memory_file_that_could_not_be_completed()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        (byte[] file, _) = await CreateAsync(compress: false);
        file[SnapshotFormat.HeaderLength + 10] ^= 1;
        File.WriteAllBytes(_bed.PathOf("x"), file);
        File.CreateSymbolicLink(_bed.PathOf("link"), "target");
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("x"));
        foreach (string name in (string[])["out", "link"])
        {
            (await Should.ThrowAsync<InvalidSnapshotException>(() => snapshot.RestoreFileAsync(_bed.PathOf(name)))).Message.ShouldContain("is damaged");
        }

        _bed.Names().ShouldBe(["good", "link", "x"]);
        new FileInfo(_bed.PathOf("link")).LinkTarget.ShouldBe("target");
    }

    [SkippableFact]
    public void What_is_no_file_is_not_waited_for()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        NamedPipe.Create(_bed.PathOf("pipe"));
        Should.Throw<IOException>(() => GuestMemorySnapshot.Open(_bed.PathOf("pipe"))).Message.ShouldContain("is no regular file");
        Should.Throw<UnauthorizedAccessException>(() => GuestMemorySnapshot.Open(_bed.PathOf("."))).Message.ShouldContain("is a directory");
        Should.Throw<FileNotFoundException>(() => GuestMemorySnapshot.Open(_bed.PathOf("none")));
        File.WriteAllText(_bed.PathOf("text"), "not a snapshot, but long enough to be looked at");
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("text"))).Message.ShouldEndWith("is no snapshot");
        File.WriteAllText(_bed.PathOf("empty"), "");
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("empty"))).Message.ShouldEndWith("is no snapshot");
    }

    private async Task<(byte[] File, byte[] Memory)> CreateAsync(bool compress)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(6), 12);
        await GuestMemorySnapshot.SaveAsync(
            memory, _bed.PathOf("good"), new SnapshotSaveOptions { Compress = compress, Sections = [new("own", new byte[100])] });
        return (File.ReadAllBytes(_bed.PathOf("good")), SnapshotBed.BytesOf(memory));
    }

    /// <summary>What is restored, or null where the damage was noticed.</summary>
    private async Task<byte[]?> OutcomeAsync(byte[] bytes)
    {
        File.WriteAllBytes(_bed.PathOf("bad"), bytes);
        try
        {
            using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("bad"));
            await snapshot.VerifyAsync();
            return await SnapshotBed.RestoredAsync(snapshot);
        }
        catch (InvalidSnapshotException)
        {
            return null;
        }
    }

    /// <summary>Does with a file whatever can be done, on this thread; anything but the exception for it ends the test.</summary>
    private bool Open(byte[] bytes)
    {
        File.WriteAllBytes(_bed.PathOf("bad"), bytes);
        try
        {
            using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("bad"));
            snapshot.GetOwnRanges().Count();
            foreach (GuestRange range in snapshot.GetStoredRanges())
            {
                byte[] some = new byte[Math.Min(range.Length, 10_000)];
                GuestRange? memory = snapshot.Regions.Select(region => (GuestRange?)region.Range).FirstOrDefault(region => region!.Value.Contains(range.Start));
                if (memory is { } found && found.Last!.Value.Value - range.Start.Value >= (ulong)some.Length - 1)
                {
                    snapshot.Read(range.Start, some);
                }
            }

            foreach (SnapshotSectionInfo section in snapshot.Sections)
            {
                snapshot.ReadSection(section.Name, 1 << 20);
            }

            return true;
        }
        catch (Exception e) when (e is InvalidSnapshotException or FileNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Where the first block of the index lies: said by the second section of the directory.</summary>
    private static int IndexOfBlock(byte[] file, int directory)
    {
        int regions = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(directory + 8));
        int index = directory + 16 + regions + 16;
        return (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(index + 16));
    }

    /// <summary>Makes all checksums right, where what they are of is still where it was.</summary>
    private static void Reseal(byte[] file, int directory, int block)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(60), SnapshotFormat.Checksum(file.AsSpan(0, 60)));
        file.AsSpan(16, 16).CopyTo(file.AsSpan(file.Length - Footer + 24));
        ulong regions = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(directory + 8));
        if (regions < (ulong)(file.Length - directory - 100))
        {
            int index = directory + 16 + (int)regions + 16;
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(index + 24));
            if (count <= SnapshotFormat.BlockEntries && block + (count * 48) <= file.Length)
            {
                uint checksum = SnapshotFormat.Checksum(file.AsSpan(block, (int)count * 48));
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(index + 28), checksum);
            }
        }

        Span<byte> footer = file.AsSpan(file.Length - Footer);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[16..], SnapshotFormat.Checksum(file.AsSpan(directory, file.Length - Footer - directory)));
        BinaryPrimitives.WriteUInt32LittleEndian(footer[56..], SnapshotFormat.Checksum(footer[..56]));
    }
}
