using System.Buffers.Binary;

using Hyperspan.Dumps;
using Hyperspan.Tests.Snapshots;

namespace Hyperspan.Tests.Dumps;

public sealed class HostileDumpTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(DumpFormat.Elf, 1)]
    [InlineData(DumpFormat.Lime, 2)]
    public async Task Whatever_is_in_a_header_is_read_or_refused(DumpFormat format, int seed)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(seed), 5);
        await GuestMemoryDump.WriteAsync(memory, _bed.PathOf("good"), new DumpOptions { Format = format, SkipZero = true, Processors = [new X64Registers(1, 2, 3)] });
        byte[] good = File.ReadAllBytes(_bed.PathOf("good"));
        var random = new Random(seed);
        ulong[] favourites = [0, 1, 4095, uint.MaxValue, long.MaxValue, ulong.MaxValue, (ulong)good.Length];
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] bad = (byte[])good.Clone();
            int limit = format == DumpFormat.Elf ? Math.Min(600, bad.Length) : 64;
            for (int n = random.Next(3); n >= 0; n--)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bad.AsSpan(random.Next(limit - 8) & ~3), favourites[random.Next(favourites.Length)]);
            }

            if (random.Next(4) == 0)
            {
                bad = bad[..random.Next(1, bad.Length)];
            }

            File.WriteAllBytes(_bed.PathOf("bad"), bad);
            refused += DumpProbe.IsRefused(_bed.PathOf("bad")) ? 1 : 0;
        }

        refused.ShouldBeInRange(10, 1499);
    }

    [Fact]
    public void What_is_not_read_is_said()
    {
        Refuse("", "is empty");
        Refuse("\u007fELF", "ends in its header");
        File.Copy("/proc/self/exe", _bed.PathOf("program"));
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("program"))).Message.ShouldContain("no core file");
    }

    /// <summary>It would not be read again.</summary>
    [Theory]
    [InlineData(DumpFormat.Elf)]
    [InlineData(DumpFormat.Lime)]
    public async Task Dump_of_no_memory_is_not_written(DumpFormat format)
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        string path = _bed.PathOf("none");
        IOException refused = await Should.ThrowAsync<IOException>(() => GuestMemoryDump.WriteAsync(memory, path, new DumpOptions { Format = format, SkipZero = true }));
        refused.Message.ShouldStartWith($"{path}: there would be nothing in it");
        _bed.Names().ShouldBeEmpty();
    }

    /// <summary>An ELF core of a hundred bytes speaks of as much memory as it likes.</summary>
    [SkippableTheory]
    [InlineData(1UL << 51, DumpFormat.Kdump, "a kdump of so much memory takes at least 13262859010048 bytes, and the disk has ")]
    [InlineData(1UL << 53, DumpFormat.Kdump, "the addresses are too large for a kdump")]
    [InlineData(long.MaxValue - 0xfffUL, DumpFormat.Elf, "the addresses are too large for the bytes of a file")]
    [InlineData(ulong.MaxValue - 0xfffUL, DumpFormat.Elf, "the addresses are too large for the bytes of a file")]
    [InlineData(ulong.MaxValue - 0xfffUL, DumpFormat.Lime, "the addresses are too large for the bytes of a file")]
    [InlineData(ulong.MaxValue - 0xfffUL, DumpFormat.Raw, "the addresses are too large for the bytes of a file")]
    public async Task More_memory_than_there_can_be_is_refused_before_it_is_written(ulong length, DumpFormat format, string reason)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux: elsewhere all of it is read");
        byte[] core = new byte[64 + 56];
        "\u007fELF"u8.CopyTo(core);
        core[4] = 2;
        core[5] = 1;
        core[16] = 4;
        core[18] = 62;
        core[32] = 64;
        core[54] = 56;
        core[56] = 1;
        core[64] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(core.AsSpan(64 + 40), length);
        File.WriteAllBytes(_bed.PathOf("core"), core);
        using GuestMemoryDump dump = GuestMemoryDump.Open(_bed.PathOf("core"));
        string path = _bed.PathOf("out");
        (await Should.ThrowAsync<IOException>(() => dump.ConvertAsync(path, format, skipZero: false))).Message.ShouldStartWith($"{path}: {reason}");
        _bed.Names().ShouldBe(["core"]);
    }

    private void Refuse(string content, string reason)
    {
        File.WriteAllBytes(_bed.PathOf("x"), System.Text.Encoding.Latin1.GetBytes(content));
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("x"))).Message.ShouldContain(reason);
    }
}
