using System.Diagnostics;

using Hyperspan.Dumps;
using Hyperspan.Snapshots;
using Hyperspan.Tests.Snapshots;

namespace Hyperspan.Tests.Dumps;

public sealed class DumpTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(DumpFormat.Elf, false)]
    [InlineData(DumpFormat.Elf, true)]
    [InlineData(DumpFormat.Lime, false)]
    [InlineData(DumpFormat.Lime, true)]
    public async Task Written_memory_is_read_back(DumpFormat format, bool skipZero)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(3), 200);
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("dump"), new DumpOptions { Format = format, SkipZero = skipZero });
        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("dump"));
        dump.Format.ShouldBe(format);
        if (!skipZero)
        {
            dump.Segments.Select(segment => segment.Range).ShouldBe(memory.Regions.Select(region => region.Range));
        }

        using GuestMemory read = dump.CreateMemory();
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            Compare(memory, read, region.Range, mayLack: skipZero);
        }

        // By way of a snapshot, too.
        await dump.SaveSnapshotAsync(_bed.PathOf("snapshot"));
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("snapshot"));
        if (!skipZero)
        {
            (await SnapshotBed.RestoredAsync(snapshot)).ShouldEqual(SnapshotBed.BytesOf(memory));
        }
    }

    [Fact]
    public async Task Bare_bytes_are_at_their_addresses()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0x4000, new HeapBacking(0x3000))
            .AddRegion(0x20_0800, new HeapBacking(100, new HeapBackingOptions { ExactLength = true }))
            .Build();
        memory.Fill(0x5000, 7, 0x1800);
        memory.Write(0x20_0810, 0x99UL);
        GuestMemoryDump.Write(memory, _bed.PathOf("raw"), DumpFormat.Raw);
        byte[] expected = new byte[0x20_0800 + 100];
        expected.AsSpan(0x5000, 0x1800).Fill(7);
        expected[0x20_0810] = 0x99;
        File.ReadAllBytes(_bed.PathOf("raw")).ShouldEqual(expected);

        using GuestMemory high = SnapshotBed.CreateMemory();
        await Should.ThrowAsync<IOException>(() => GuestMemoryDump.WriteAsync(high, _bed.PathOf("raw"), new DumpOptions { Format = DumpFormat.Raw }));
        File.ReadAllBytes(_bed.PathOf("raw")).ShouldEqual(expected);
        _bed.Names().ShouldBe(["raw"]);
    }

    [Fact]
    public async Task Registers_and_the_kernels_note_come_back()
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        byte[] note = [11, 0, 0, 0, 0x40, 0x10, 0, 0, 0, 0, 0, 0, .. "VMCOREINFO\0\0OSRELEASE=6.1.0-test\n"u8];
        memory.Write(0x7000, note);
        memory.Write(0x7000 + 24 + 0x103f, (byte)'!');
        var registers = new X64Registers(0xffffffff81000000, 0xffffc90000003e00, 0x246) { Rax = 1, R15 = 15, Rdi = 7, Cs = 0x10, Ss = 0x18, GsBase = 0x1234 };
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("core"), new DumpOptions { Processors = [registers, registers with { Rbx = 3 }] });
        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("core"));
        dump.Processors.ShouldBe([registers, registers with { Rbx = 3 }]);
        dump.VmCoreInfo!.Value.Length.ShouldBe(0x1040);
        dump.VmCoreInfo.Value.Span[^1].ShouldBe((byte)'!');
        dump.VmCoreInfo.Value.Span.StartsWith("OSRELEASE=6.1.0-test\n"u8).ShouldBeTrue();

        // Notes are taken over from a core to a core.
        await dump.ConvertAsync(_bed.PathOf("again"), DumpFormat.Elf, skipZero: true);
        using GuestMemoryDump again = GuestMemoryDump.Open(_bed.PathOf("again"));
        again.Processors.ShouldBe(dump.Processors);
        again.VmCoreInfo!.Value.ToArray().ShouldBe(dump.VmCoreInfo.Value.ToArray());
        again.Segments.Select(segment => segment.Range).ShouldBe([new GuestRange(0x7000, 0x2000)]);
    }

    [Fact]
    public async Task More_segments_than_a_header_counts()
    {
        using var memory = new GuestMemory(new HeapBacking(140_000UL * 4096), "ram");
        for (ulong page = 0; page < 140_000; page += 2)
        {
            memory.Write(page * 4096, 1UL);
        }

        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("core"), new DumpOptions { SkipZero = true });
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("core"))).Message.ShouldContain("has 70001 segments");
    }

    [SkippableFact]
    public async Task Gdb_reads_it()
    {
        string? gdb = Program("gdb");
        Skip.If(gdb is null, "gdb is not installed");
        using GuestMemory memory = SnapshotBed.CreateMemory();
        memory.Write(0x1_0000_1000, 0x1122334455667788UL);
        memory.Write(0x5000, 0xfeedUL);
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("core"), new DumpOptions { Processors = [new X64Registers(0x1234, 0x5678, 2)] });
        string[] commands = ["set architecture i386:x86-64", $"core-file {_bed.PathOf("core")}", "x/gx 0x100001000", "x/gx 0x5000", "p $rip", "p $rsp"];
        string said = Run(gdb!, ["-batch", "-nx", .. commands.SelectMany(command => (string[])["-ex", command])]);
        said.ShouldContain("0x1122334455667788");
        said.ShouldContain("0x000000000000feed");
        said.ShouldContain("0x1234");
        said.ShouldContain("0x5678");
    }

    [SkippableFact]
    public async Task Drgn_reads_it()
    {
        string? python = Program("python3");
        Skip.If(python is null || !Run(python, "-c", "import drgn; print('drgn is here')").Contains("drgn is here", StringComparison.Ordinal), "python3-drgn is not installed");
        using GuestMemory memory = SnapshotBed.CreateMemory();
        memory.Write(0x1_0000_1000, 0x1122334455667788UL);
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("core"));
        string script = $"import drgn; p = drgn.Program(); p.set_core_dump('{_bed.PathOf("core")}'); print(hex(p.read_u64(0x100001000)), hex(p.read_u64(0x100001000, True)))";
        Run(python!, "-c", script).ShouldContain("0x1122334455667788 0x1122334455667788");
    }

    private static void Compare(GuestMemory expected, GuestMemory actual, GuestRange range, bool mayLack)
    {
        byte[] one = new byte[4096];
        byte[] two = new byte[4096];
        for (ulong done = 0; done < range.Length; done += 4096)
        {
            int length = (int)Math.Min(4096, range.Length - done);
            expected.Read(range.Start.Value + done, one.AsSpan(0, length));
            if (!actual.TryRead(range.Start.Value + done, two.AsSpan(0, length), out GuestMemoryFault fault))
            {
                (mayLack && one.AsSpan(0, length).IndexOfAnyExcept((byte)0) < 0).ShouldBeTrue(fault.ToString());
                continue;
            }

            one.AsSpan(0, length).SequenceEqual(two.AsSpan(0, length)).ShouldBeTrue($"0x{range.Start.Value + done:x}");
        }
    }

    private static string? Program(string name) =>
        "/usr/local/bin:/usr/bin:/bin".Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + error.Result;
    }
}
