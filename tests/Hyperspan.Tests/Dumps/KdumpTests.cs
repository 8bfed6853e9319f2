using System.Buffers.Binary;

using Hyperspan.Dumps;
using Hyperspan.Tests.Snapshots;

namespace Hyperspan.Tests.Dumps;

/// <summary>Compressed kdumps, plain and flattened; that of QEMU is in the end-to-end tests.</summary>
public sealed class KdumpTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    /// <summary>A snapshot of it could not be read.</summary>
    [Fact]
    public void Pages_that_are_there_and_no_memory_are_refused()
    {
        byte[] bytes = Create(new Random(1), new KdumpFile()).ToArray();
        bytes[2 * 4096] = 0;
        File.WriteAllBytes(_bed.PathOf("k"), bytes);
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("k"))).Message.ShouldContain("that are in the file and no memory");
    }

    /// <summary>Room for pieces that grew as they came took twice as much.</summary>
    [Fact]
    public void Pages_in_millions_of_pieces_take_no_more_memory_than_their_places()
    {
        const int Runs = 1 << 20;
        const int BitmapLength = Runs / 4;
        const long PlaceLength = 24;
        byte[] bytes = new KdumpFile { Pages = 2 * Runs }.ToArray();
        bytes.AsSpan(2 * 4096, BitmapLength).Fill(0xff);
        bytes.AsSpan((2 * 4096) + BitmapLength, BitmapLength).Fill(0x55);
        using (FileStream file = File.Create(_bed.PathOf("k")))
        {
            file.Write(bytes);
            file.SetLength(bytes.Length + (Runs * PlaceLength));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("k"));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        dump.Segments.Count.ShouldBe(Runs);
        allocated.ShouldBeLessThan((Runs * PlaceLength) + (1 << 20));
    }

    [Theory]
    [InlineData(4096, 1, 6, false)]
    [InlineData(4096, 0, 6, false)]
    [InlineData(4096, 1, 5, true)]
    [InlineData(16384, 1, 6, true)]
    [InlineData(65536, 1, 6, false)]
    public async Task Each_page_is_read_as_it_was(int blockSize, uint compression, uint version, bool flattened)
    {
        var random = new Random(blockSize);
        KdumpFile kdump = Create(random, new KdumpFile
        {
            BlockSize = blockSize,
            Compression = compression,
            Version = version,
            Machine = blockSize == 4096 ? "x86_64" : "aarch64",
            CoreInformation = "OSRELEASE=6.1\n"u8.ToArray(),
            Absent = [7, 8, 270],
        });
        File.WriteAllBytes(_bed.PathOf("k"), flattened ? kdump.ToFlattened(random) : kdump.ToArray());
        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("k"));
        dump.Format.ShouldBe(DumpFormat.Kdump);
        dump.Machine.ShouldBe((ushort)(blockSize == 4096 ? 62 : 183));
        dump.VmCoreInfo.ShouldNotBeNull().ToArray().ShouldBe("OSRELEASE=6.1\n"u8.ToArray());
        using GuestMemory memory = dump.CreateMemory();
        byte[] page = new byte[blockSize];
        for (int i = 0; i < kdump.Pages; i++)
        {
            ulong at = (ulong)i * (ulong)blockSize;
            bool isMemory = kdump.Absent.Contains(i) || kdump.Content.ContainsKey(i);
            memory.TryRead(at, page, out _).ShouldBe(isMemory, $"page {i}");
            if (isMemory)
            {
                page.AsSpan().SequenceEqual(kdump.Content.GetValueOrDefault(i, new byte[blockSize])).ShouldBeTrue($"page {i}");
            }
        }

        // Across pages, and some bytes of one.
        byte[] piece = new byte[blockSize + 10];
        memory.Read((ulong)(blockSize * 2) - 5, piece);
        piece.AsSpan(5, blockSize).SequenceEqual(kdump.Content[2]).ShouldBeTrue();

        await dump.ConvertAsync(_bed.PathOf("raw"), DumpFormat.Raw, skipZero: false);
        using FileStream raw = File.OpenRead(_bed.PathOf("raw"));
        foreach ((int number, byte[] content) in kdump.Content)
        {
            raw.Position = (long)number * blockSize;
            raw.ReadExactly(page);
            page.AsSpan().SequenceEqual(content).ShouldBeTrue($"page {number}");
        }

        await dump.ConvertAsync(_bed.PathOf("elf"), DumpFormat.Elf, skipZero: false);
        using GuestMemoryDump elf = GuestMemoryDump.Open(_bed.PathOf("elf"));
        elf.VmCoreInfo.ShouldNotBeNull().ToArray().ShouldBe("OSRELEASE=6.1\n"u8.ToArray());
        elf.Machine.ShouldBe(dump.Machine);

        // And as another kdump, of blocks of 4 KiB.
        await dump.ConvertAsync(_bed.PathOf("kdump"), DumpFormat.Kdump, skipZero: false);
        using GuestMemoryDump again = GuestMemoryDump.Open(_bed.PathOf("kdump"));
        (again.Format, again.Machine).ShouldBe((DumpFormat.Kdump, dump.Machine));
        again.VmCoreInfo.ShouldNotBeNull().ToArray().ShouldBe("OSRELEASE=6.1\n"u8.ToArray());
        await again.ConvertAsync(_bed.PathOf("raw2"), DumpFormat.Raw, skipZero: false);
        File.ReadAllBytes(_bed.PathOf("raw2")).ShouldEqual(File.ReadAllBytes(_bed.PathOf("raw")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_written_says_what_there_is(bool skipZero)
    {
        // Bytes that do not shrink, pages that are zero, a page that is memory in part, and a gap of many windows of the bitmap.
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0x3000, new HeapBacking(0x9_0000))
            .AddRegion(0x40_0000_0800, new HeapBacking(0x1100, new HeapBackingOptions { ExactLength = true }))
            .Build();
        byte[] noise = new byte[0x8000];
        var random = new Random(7);
        random.NextBytes(noise);
        for (int i = 0x4000; i < noise.Length; i++)
        {
            // Nearly so.
            noise[i] |= (byte)(random.Next(2) << 7);
        }

        memory.Write(0x5000, noise);
        memory.Write(0x4_2000, "text, and text, and text"u8);
        memory.Write(0x40_0000_1000, 0x1234UL);
        var registers = new X64Registers(0xffffffff81000000, 0xffffc90000003e00, 0x246) { Rdx = 9 };
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("k"), new DumpOptions
        {
            Format = DumpFormat.Kdump,
            SkipZero = skipZero,
            Processors = [registers, registers],
            VmCoreInfo = "OSRELEASE=6.1.0-test\nNUMBER(phys_base)=-4096\n"u8.ToArray(),
        });

        byte[] bytes = File.ReadAllBytes(_bed.PathOf("k"));
        bytes.LongLength.ShouldBeLessThan(noise.Length + (1 << 20) + (2 * (0x40_0000_0000 >> 15)));
        System.Text.Encoding.ASCII.GetString(bytes, 12 + 130, 13).ShouldBe("6.1.0-test\0\0\0");
        BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(460)).ShouldBe(2);
        BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(4096)).ShouldBe(-4096);
        BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4096 + 8)).ShouldBe(skipZero ? 1 : 0);

        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("k"));
        dump.Processors.ShouldBe([registers, registers]);
        dump.VmCoreInfo.ShouldNotBeNull().ToArray().ShouldBe("OSRELEASE=6.1.0-test\nNUMBER(phys_base)=-4096\n"u8.ToArray());
        dump.Segments.Select(segment => segment.Range).ShouldBe(skipZero
            ? [new GuestRange(0x5000, 0x8000), new GuestRange(0x4_2000, 0x1000), new GuestRange(0x40_0000_1000, 0x1000)]
            : [new GuestRange(0x3000, 0x9_0000), new GuestRange(0x40_0000_0000, 0x2000)]);
        using GuestMemory read = dump.CreateMemory();
        read.ReadArray<byte>(0x5000, noise.Length).ShouldEqual(noise);
        read.SequenceEqual(0x4_2000, "text, and text, and text\0"u8).ShouldBeTrue();
        read.Read<ulong>(0x40_0000_1000).ShouldBe(0x1234UL);
        read.Read<ulong>(0x3000).ShouldBe(0UL);
        read.Read<ulong>(0x40_0000_0000).ShouldBe(0UL);
        read.TryRead(0x2ff8, out ulong _).ShouldBeFalse();
        read.TryRead(0x40_0000_2000, out ulong _).ShouldBeFalse();
    }

    [Fact]
    public async Task Addresses_that_no_processor_has_are_refused_and_nothing_is_left()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(1UL << 52, new HeapBacking(4096)).Build();
        await Should.ThrowAsync<IOException>(() => GuestMemoryDump.WriteAsync(memory, _bed.PathOf("k"), new DumpOptions { Format = DumpFormat.Kdump }));
        await Should.ThrowAsync<ArgumentOutOfRangeException>(() => GuestMemoryDump.WriteAsync(memory, _bed.PathOf("k"), new DumpOptions { Format = (DumpFormat)9 }));
        _bed.Names().ShouldBeEmpty();
    }

    [Fact]
    public void What_cannot_be_read_says_why()
    {
        Refused(new KdumpFile { Status = 8 }, "is incomplete, as whoever wrote it says");
        Refused(new KdumpFile { Split = 1 }, "split");
        Refused(new KdumpFile { Pages = 0 }, "bitmaps");
        File.WriteAllBytes(_bed.PathOf("x"), [.. "KDUMP   "u8, .. new byte[100]]);
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("x"))).Message.ShouldContain("is incomplete");

        // By what a page is compressed shows where it is read: the others are.
        foreach ((uint mark, string name) in ((uint, string)[])[(2, "LZO"), (4, "Snappy"), (0x20, "Zstandard")])
        {
            File.WriteAllBytes(_bed.PathOf("x"), Create(new Random(1), new KdumpFile { Compression = mark }).ToArray());
            using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("x"));
            using GuestMemory memory = dump.CreateMemory();
            memory.TryRead(0, new byte[8], out GuestMemoryFault fault).ShouldBeFalse();
            fault.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped);
            Should.Throw<GuestMemoryException>(() => memory.Read<ulong>(0)).ToString().ShouldContain($"compressed by {name}");
        }
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void Whatever_is_in_it_is_read_or_refused(bool flattened, int seed)
    {
        var random = new Random(seed);
        KdumpFile kdump = Create(random, new KdumpFile());
        byte[] good = flattened ? kdump.ToFlattened(random) : kdump.ToArray();
        ulong[] favourites = [0, 1, 4095, uint.MaxValue, long.MaxValue, ulong.MaxValue, (ulong)good.Length];
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] bad = (byte[])good.Clone();
            for (int n = random.Next(3); n >= 0; n--)
            {
                // Where numbers are: headers, descriptors, records.
                int at = random.Next(3) switch { 0 => 424 + random.Next(32), 1 => 4096 + random.Next(104), _ => random.Next(bad.Length - 8) };
                ulong value = random.Next(2) == 0 ? favourites[random.Next(favourites.Length)] : (ulong)random.NextInt64();
                BinaryPrimitives.WriteUInt64LittleEndian(bad.AsSpan(at), value);
            }

            if (random.Next(4) == 0)
            {
                bad = bad[..random.Next(1, bad.Length)];
            }

            File.WriteAllBytes(_bed.PathOf("bad"), bad);
            refused += DumpProbe.IsRefused(_bed.PathOf("bad"), DumpFormat.Kdump, mostSegments: 50) ? 1 : 0;
        }

        refused.ShouldBeInRange(10, 1499);
    }

    private static KdumpFile Create(Random random, KdumpFile kdump)
    {
        foreach (int page in (int[])[0, 1, 2, 3, 63, 64, 65, 128, 200, 255, 256, 299])
        {
            byte[] content = new byte[kdump.BlockSize];
            random.NextBytes(content.AsSpan(0, kdump.BlockSize / 3));
            kdump.Content.Add(page, content);
        }

        return kdump;
    }

    private void Refused(KdumpFile kdump, string reason)
    {
        File.WriteAllBytes(_bed.PathOf("x"), kdump.ToArray());
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("x"))).Message.ShouldContain(reason);
    }
}
