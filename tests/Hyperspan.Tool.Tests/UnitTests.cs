using Hyperspan.Tool.Demo;
using Hyperspan.Tool.Output;
using Hyperspan.Tool.Serve;

namespace Hyperspan.Tool.Tests;

/// <summary>Pieces that need no process.</summary>
public sealed class UnitTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(143654912, "137 MiB")]
    [InlineData(1L << 40, "1 TiB")]
    [InlineData((1L << 20) - 1, "1 MiB")]
    public void Bytes_are_formatted(long bytes, string text) => Units.Bytes(bytes).ShouldBe(text);

    [Theory]
    [InlineData("/tmp/a.sock", "socket,id=disk,path=/tmp/a.sock ")]
    [InlineData("/tmp/a,b", "socket,id=disk,path=/tmp/a,,b ")]
    [InlineData("/tmp/a b", "'socket,id=disk,path=/tmp/a b' ")]
    [InlineData("/tmp/a'b$", @"'socket,id=disk,path=/tmp/a'\''b$' ")]
    public void Line_for_qemu_is_quoted_for_it_and_for_the_shell(string path, string part) => QemuLine.ForBlock(path, 1).ShouldContain(part);

    [Theory]
    [InlineData(200)]
    [InlineData(79)]
    [InlineData(39)]
    public void Status_fits(int width)
    {
        var sample = new StatusSample(Connected: true, Connections: 3, RequestRate: 123456.7, ByteRate: 1.5e9, Errors: 2);
        string line = sample.ToLine(width);
        line.Length.ShouldBeLessThanOrEqualTo(width);
        line.ShouldContain("123,457");
        line.ShouldContain("1.4 GiB/s");
    }

    [Fact]
    public void Superblock_reads_back_and_a_changed_one_does_not()
    {
        byte[] block = new byte[DemoSuperblock.Length];
        new DemoSuperblock(4096, 8192, new byte[32]).Write(block);
        DemoSuperblock.TryRead(block)!.DataLength.ShouldBe(8192UL);
        foreach (int at in (int[])[0, 30, 40, 2000, 4095])
        {
            block[at] ^= 1;
            DemoSuperblock.TryRead(block).ShouldBeNull($"byte {at}");
            block[at] ^= 1;
        }
    }

    [Fact]
    public void Pattern_depends_on_the_place()
    {
        byte[] whole = new byte[64];
        byte[] part = new byte[32];
        DemoPattern.Fill(0, whole);
        DemoPattern.Fill(32, part);
        part.ShouldBe(whole[32..]);
        whole[..32].ShouldNotBe(part);
    }

    [Fact]
    public void Map_shows_what_lies_where()
    {
        const ulong page = 4096;
        var region = new DemoRegionReport("r", 0x1000, 10 * page, Sealed: true, Truncated: false, 2 * page, [new DemoUse(DemoUse.Rings, 0x1000 + page, page)])
        {
            Touched = [(4 * page, 2 * page)],
        };
        string map = string.Concat(Enumerable.Range(0, 10).Select(i => MemoryPicture.Cell(region, i, 10, unicode: false).Character));
        map.ShouldBe(".R..##....");
        string coarse = string.Concat(Enumerable.Range(0, 5).Select(i => MemoryPicture.Cell(region with { Truncated = true }, i, 5, unicode: true).Character));
        coarse.ShouldBe("xxxxx");
    }
}
