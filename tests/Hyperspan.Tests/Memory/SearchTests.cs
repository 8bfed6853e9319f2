using Hyperspan.Tests.Resilience;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Reading what is there, looking for bytes, and dumps.</summary>
public class SearchTests
{
    private const ulong Page = 4096;

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void What_lies_below_the_first_fault_is_read(string reason)
    {
        using var hole = new HoleInMemory(reason);
        byte[] all = Pattern((int)Page, seed: 5);
        hole.Memory.Write(0, all);
        foreach (ulong at in (ulong[])[0, 100, Page - 1])
        {
            var bytes = new byte[6000];
            int got = hole.Memory.ReadAvailable(at, bytes, out GuestMemoryFault fault);
            got.ShouldBe((int)(Page - at));
            bytes.AsSpan(0, got).SequenceEqual(all.AsSpan((int)at)).ShouldBeTrue();
            fault.ShouldBeFault(hole.Kind, Page);
            (fault.Start.Value, fault.Length).ShouldBe((at, 6000UL));
        }

        hole.Memory.ReadAvailable(Page, new byte[8]).ShouldBe(0);
        hole.Memory.ReadAvailable(8, new byte[64], out GuestMemoryFault none).ShouldBe(64);
        none.IsFault.ShouldBeFalse();
    }

    [Fact]
    public void What_is_there_ends_with_the_memory_and_with_the_address_space()
    {
        using GuestMemory memory = new GuestMemoryBuilder("top").Add(0, new HeapBacking(Page)).Add(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        memory.ReadAvailable(Page - 9, new byte[100]).ShouldBe(9);
        memory.ReadAvailable(0xffff_ffff_ffff_fff9, new byte[100], out GuestMemoryFault fault).ShouldBe(7);
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        memory.ReadAvailable(2 * Page, new byte[100]).ShouldBe(0);
        memory.Dispose();
        memory.ReadAvailable(0, new byte[100], out fault).ShouldBe(0);
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [Theory]
    [InlineData(1, 0UL)]
    [InlineData(1, 199_999UL)]
    [InlineData(9, 65_530UL)]
    [InlineData(9, 131_070UL)]
    [InlineData(70_000, 65_000UL)]
    [InlineData(100_000, 100_000UL)]
    public void Bytes_are_found_wherever_they_lie(int count, ulong offset)
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").Add(0, new HeapBacking(32 * Page)).Add(32 * Page, new HeapBacking(32 * Page)).Build();
        byte[] value = [.. Enumerable.Range(0, count).Select(i => (byte)(1 + (i % 250)))];
        memory.Write(1000 + offset, value);
        memory.IndexOf(1000, 200_000, value).ShouldBe(new GuestAddress(1000 + offset));
        memory.IndexOf(1000, offset + (ulong)count, value).ShouldBe(new GuestAddress(1000 + offset));
        memory.IndexOf(1000, offset + (ulong)count - 1, value).ShouldBeNull();
        memory.IndexOf(1001 + offset, 50_000, value).ShouldBeNull();
        memory.IndexOf(50, 0, []).ShouldBe(new GuestAddress(50));
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void A_search_meets_a_fault_only_if_it_gets_there(string reason)
    {
        using var hole = new HoleInMemory(reason);
        hole.Memory.Write(Page - 4, (byte[])[1, 2, 3, 4]);
        hole.Memory.TryIndexOf(8, 2 * Page - 8, [2, 3], out GuestAddress? found, out GuestMemoryFault fault).ShouldBeTrue();
        found.ShouldBe(new GuestAddress(Page - 3));
        fault.IsFault.ShouldBeFalse();
        hole.Memory.TryIndexOf(8, 2 * Page - 8, [4, 5], out found, out fault).ShouldBeFalse();
        found.ShouldBeNull();
        fault.ShouldBeFault(hole.Kind, Page);
        Should.Throw<GuestMemoryException>(() => hole.Memory.IndexOf(8, 2 * Page - 8, [4, 5]));
        hole.Memory.TryIndexOf(0, 100 * Page, [1], out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, hole.Memory.End);
    }

    [Fact]
    public void A_dump_shows_bytes_and_says_what_is_not_there()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, Page);
        mapping.Commit(3 * Page, Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").Add(0, mapping).Add(0x10_0000, new HeapBacking(Page)).Build();
        memory.Write(Page - 20, "Hello, \u007fworld\n|~|!!!"u8);
        memory.Write(3 * Page, (byte)'A');
        Dump(Page - 20, 40).ShouldBe(
            "0x0000000000000fe0                                       48 65 6c 6c  |            Hell|\n" +
            "0x0000000000000ff0  6f 2c 20 7f 77 6f 72 6c  64 0a 7c 7e 7c 21 21 21  |o, .world.|~|!!!|\n" +
            "0x0000000000001000  0x14 bytes: page not mapped (SIGSEGV) in backing 'sparse'\n");
        Dump(Page, (2 * Page) + 2).ShouldBe(
            "0x0000000000001000  0x2000 bytes: page not mapped (SIGSEGV) in backing 'sparse'\n" +
            "0x0000000000003000  41 00                                             |A.|\n");
        Dump(4 * Page, 0x10_0001 - (4 * Page)).ShouldBe(
            "0x0000000000004000  0xfc000 bytes: no memory at address\n" +
            "0x0000000000100000  00                                                |.|\n");
        Dump(0x10_1000, ulong.MaxValue).ShouldBe("0x0000000000101000  0xffffffffffffffff bytes: no memory at address\n");
        Dump(0, 0).ShouldBe("");

        string Dump(ulong at, ulong length)
        {
            using var writer = new StringWriter { NewLine = "\n" };
            memory.Dump(at, length, writer);
            return writer.ToString();
        }
    }
}
