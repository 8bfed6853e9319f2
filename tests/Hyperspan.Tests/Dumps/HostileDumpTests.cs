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

    private void Refuse(string content, string reason)
    {
        File.WriteAllBytes(_bed.PathOf("x"), System.Text.Encoding.Latin1.GetBytes(content));
        Should.Throw<InvalidDumpException>(() => GuestMemoryDump.Open(_bed.PathOf("x"))).Message.ShouldContain(reason);
    }
}
