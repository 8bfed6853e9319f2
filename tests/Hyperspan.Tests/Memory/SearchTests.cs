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
        using GuestMemory memory = new GuestMemoryBuilder("top").AddRegion(0, new HeapBacking(Page)).AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        memory.ReadAvailable(Page - 9, new byte[100]).ShouldBe(9);
        memory.ReadAvailable(0xffff_ffff_ffff_fff9, new byte[100], out GuestMemoryFault fault).ShouldBe(7);
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        memory.ReadAvailable(2 * Page, new byte[100]).ShouldBe(0);
        memory.Dispose();
        memory.ReadAvailable(0, new byte[100], out fault).ShouldBe(0);
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [Fact]
    public void All_occurrences_are_found_across_regions_and_past_holes()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(2 * Page)).AddRegion(2 * Page, new HeapBacking(Page))
            .AddRegion(16 * Page, new HeapBacking(Page)).AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        GuestAddress[] places = [0, 100, 102, (2 * Page) - 1, (3 * Page) - 3, 16 * Page, (17 * Page) - 3, 0xffff_ffff_ffff_fffd];
        foreach (GuestAddress place in places)
        {
            memory.Write(place, "aba"u8);
        }

        memory.FindAll("aba"u8).ShouldBe(places);
        memory.FindAll("aba"u8).First().ShouldBe(places[0]);
        memory.FindAll("abaca"u8).ShouldBeEmpty();
        Should.Throw<ArgumentException>(() => memory.FindAll([]));
        GuestMemory.Empty.FindAll("aba"u8).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void Occurrences_below_what_cannot_be_read_are_found(string reason)
    {
        using var hole = new HoleInMemory(reason);
        hole.Memory.Clear(0, Page);
        hole.Memory.Write(10, "needle"u8);
        hole.Memory.Write(Page - 6, "needle"u8);
        GuestAddress[] found = [.. hole.Memory.FindAll("needle"u8)];
        found.ShouldBe([10, Page - 6]);
    }

    [LinuxFact]
    public void Pages_that_cannot_be_read_are_passed_over()
    {
        using var mapping = new SparseBacking(64 * Page);
        mapping.Commit(Page, 2 * Page);
        mapping.Commit(63 * Page, Page);
        using var memory = new GuestMemory(mapping, "sparse", leaveOpen: true);
        memory.Write(Page, "needle"u8);
        memory.Write((3 * Page) - 3, "nee"u8);
        memory.Write((64 * Page) - 6, "needle"u8);
        memory.FindAll("needle"u8).ShouldBe([Page, (64 * Page) - 6]);
        mapping.Commit(3 * Page, Page);
        memory.Write(3 * Page, "dle"u8);
        memory.FindAll("needle"u8).ShouldBe([Page, (3 * Page) - 3, (64 * Page) - 6]);
        memory.Dispose();
        memory.FindAll("needle"u8).ShouldBeEmpty();
    }

    /// <summary>Pages are those of the backing, wherever it lies.</summary>
    [LinuxFact]
    public void What_follows_a_page_that_cannot_be_read_is_found_where_a_region_begins_inside_a_page()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(Page, Page);
        mapping.Commit(3 * Page, Page);
        using GuestMemory memory = new GuestMemoryBuilder("odd").AddRegion(0x1800, mapping).Build();
        memory.Write(0x1800 + Page, "needle"u8);
        memory.Write(0x1800 + (3 * Page), "needle"u8);
        memory.FindAll("needle"u8).ShouldBe([0x1800 + Page, 0x1800 + (3 * Page)]);
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
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(32 * Page)).AddRegion(32 * Page, new HeapBacking(32 * Page)).Build();
        byte[] value = [.. Enumerable.Range(0, count).Select(i => (byte)(1 + (i % 250)))];
        memory.Write(1000 + offset, value);
        memory.IndexOf(1000, 200_000, value).ShouldBe(new GuestAddress(1000 + offset));
        memory.IndexOf(1000, offset + (ulong)count, value).ShouldBe(new GuestAddress(1000 + offset));
        memory.IndexOf(1000, offset + (ulong)count - 1, value).ShouldBeNull();
        memory.IndexOf(1001 + offset, 50_000, value).ShouldBeNull();
        memory.IndexOf(50, 0, []).ShouldBe(new GuestAddress(50));
    }

    /// <summary>What lies in one piece is looked through at once: 64 MiB, and what makes the next one begin with a line of the cache.</summary>
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 8)]
    [InlineData(63, 100)]
    [InlineData(4097, 5000)]
    public void Bytes_across_the_borders_of_what_is_looked_through_at_once_are_found(ulong start, int length)
    {
        const ulong Size = 130UL << 20;
        using var memory = new GuestMemory(new HeapBacking(Size), "ram");
        byte[] value = Pattern(length, seed: 5);
        value[0] = 1;
        value[^1] = 2;
        foreach (ulong border in (ulong[])[64UL << 20, 128UL << 20])
        {
            foreach (ulong distance in (ulong[])[0, 1, 63, (ulong)length - 1, (ulong)length + 64])
            {
                foreach (ulong at in (ulong[])[border - distance, border + distance])
                {
                    memory.Write(at, value);
                    memory.IndexOf(start, Size - start, value).ShouldBe(new GuestAddress(at));
                    memory.IndexOf(start, at - start + (ulong)length - 1, value).ShouldBeNull();
                    memory.Clear(at, (ulong)length);
                }
            }
        }

        memory.Write(Size - (ulong)length, value);
        memory.IndexOf(start, Size - start, value).ShouldBe(new GuestAddress(Size - (ulong)length));
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

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2047)]
    [InlineData(2048)]
    [InlineData(2049)]
    [InlineData(70_000)]
    public void Bytes_are_equal_if_each_is(int count)
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(8 * Page)).AddRegion(8 * Page, new HeapBacking(32 * Page)).Build();
        byte[] value = Pattern(count, seed: 7);
        memory.Write(99, value);
        memory.SequenceEqual(99, value).ShouldBeTrue();
        foreach (int at in (int[])[0, count / 2, count - 1])
        {
            if ((uint)at < (uint)count)
            {
                value[at] ^= 0x80;
                memory.SequenceEqual(99, value).ShouldBeFalse();
                memory.TrySequenceEqual(99, value, out bool equal, out GuestMemoryFault fault).ShouldBeTrue();
                equal.ShouldBeFalse();
                fault.IsFault.ShouldBeFalse();
                value[at] ^= 0x80;
            }
        }
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void A_comparison_meets_a_fault_only_if_no_difference_lies_below(string reason)
    {
        using var hole = new HoleInMemory(reason);
        byte[] all = Pattern((int)(2 * Page), seed: 3);
        hole.Memory.Write(0, all.AsSpan(0, (int)Page));
        hole.Memory.TrySequenceEqual(8, all.AsSpan(8), out bool equal, out GuestMemoryFault fault).ShouldBeFalse();
        equal.ShouldBeFalse();
        fault.ShouldBeFault(hole.Kind, Page);
        (fault.Start.Value, fault.Length).ShouldBe((8UL, (2 * Page) - 8));
        Should.Throw<GuestMemoryException>(() => hole.Memory.SequenceEqual(8, all.AsSpan(8))).Length.ShouldBe((2 * Page) - 8);
        all[Page - 1] ^= 1;
        hole.Memory.TrySequenceEqual(8, all.AsSpan(8), out equal, out fault).ShouldBeTrue();
        equal.ShouldBeFalse();
        fault.IsFault.ShouldBeFalse();
        hole.Memory.TrySequenceEqual(0, new byte[100 * Page], out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, hole.Memory.End);
        hole.Memory.SequenceEqual(Page, []).ShouldBeTrue();
    }

    [Fact]
    public void The_last_bytes_below_the_end_of_addresses_are_compared()
    {
        using GuestMemory memory = new GuestMemoryBuilder().AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        memory.Fill(0xffff_ffff_ffff_f000, 0x11, Page);
        memory.SequenceEqual(0xffff_ffff_ffff_f000, Enumerable.Repeat((byte)0x11, (int)Page).ToArray()).ShouldBeTrue();
        memory.TrySequenceEqual(0xffff_ffff_ffff_fff9, new byte[8], out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void Text_is_written_with_its_zero(string reason)
    {
        using var hole = new HoleInMemory(reason);
        hole.Memory.Fill(0, 0xff, Page);
        foreach (int count in (int[])[0, 1, 300])
        {
            string text = new('ö', count);
            hole.Memory.WriteString(16, text);
            hole.Memory.ReadString(16, 1000).ShouldBe(text);
            hole.Memory.ReadArray<byte>(16 + (2UL * (uint)count), 2).ShouldBe([0, 0xff]);
            hole.Memory.Fill(0, 0xff, Page);
            hole.Memory.WriteString(16, text, System.Text.Encoding.Latin1);
            hole.Memory.ReadArray<byte>(16 + (ulong)(uint)count, 2).ShouldBe([0, 0xff]);
            hole.Memory.Fill(0, 0xff, Page);
        }

        // The zero byte is the one that does not fit.
        hole.Memory.TryWriteString(Page - 4, "quit", out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(hole.Kind, Page);
        (fault.Operation, fault.Length).ShouldBe((GuestMemoryOperation.Write, 5UL));
        hole.Memory.TryWriteString(Page - 4, "quit", System.Text.Encoding.Unicode, out _).ShouldBeFalse();
        Should.Throw<GuestMemoryException>(() => hole.Memory.WriteString(Page - 4, "quit"));
        hole.Memory.TryWriteString(Page - 4, "end", out fault).ShouldBeTrue();
        hole.Memory.ReadString(Page - 4, 4).ShouldBe("end");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(256)]
    [InlineData(512)]
    public void Text_ends_with_the_address_space(int count)
    {
        using GuestMemory memory = new GuestMemoryBuilder("top").AddRegion(0, new HeapBacking(Page)).AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        memory.Fill(0xffff_ffff_ffff_f000, (byte)'x', Page);
        memory.Write(0, "low\0"u8);
        ulong at = unchecked(0 - (ulong)count);
        memory.TryReadString(at, 1000, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        (fault.Start.Value, fault.Length).ShouldBe((at, 1000UL));
        memory.ReadString(at, count).ShouldBe(new string('x', count));
    }

    [Fact]
    public void Text_that_an_encoding_refuses_is_a_fault()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.Write(16, (byte[])[(byte)'a', 0xff, 0]);
        var strict = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        memory.TryReadString(16, 100, strict, out string? text, out GuestMemoryFault fault).ShouldBeFalse();
        text.ShouldBeNull();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, 16);
        fault.Exception.ShouldBeOfType<System.Text.DecoderFallbackException>();
        Should.Throw<GuestMemoryException>(() => memory.ReadString(16, 100, strict));
        memory.ReadString(16, 100).ShouldBe("a\ufffd");
    }

    [Fact]
    public void Where_no_access_crosses_regions_each_is_looked_through()
    {
        using GuestMemory memory = new GuestMemoryBuilder("strict").Strict()
            .AddRegion(0, new HeapBacking(2 * Page)).AddRegion(2 * Page, new HeapBacking(Page)).AddRegion(3 * Page, new HeapBacking(Page)).Build();
        GuestAddress[] places = [8, Page, (2 * Page) - 6, 2 * Page, (4 * Page) - 6];
        foreach (GuestAddress place in places)
        {
            memory.Write(place, "needle"u8);
        }

        memory.FindAll("needle"u8).ShouldBe(places);
    }

    /// <summary>What is left of a page of a backing may be more than what is left of the region.</summary>
    [LinuxFact]
    public void What_follows_a_region_that_ends_inside_a_page_is_neither_passed_over_nor_taken_for_it()
    {
        var lower = new SparseBacking(2 * Page);
        lower.Commit(0, Page);
        var upper = new SparseBacking(Page);
        using GuestMemory memory = new GuestMemoryBuilder("odd").AddRegion(Page - 5, lower, 0, Page + 5).AddRegion(2 * Page, upper).Build();
        upper.Commit(0, Page);
        memory.Write(2 * Page, "needle"u8);
        memory.FindAll("needle"u8).ShouldBe([2 * Page]);
        lower.Commit(Page, Page);
        memory.TryProbe(Page - 5, Page + 6, AccessType.Read, out _).ShouldBeTrue();
        upper.Decommit(0, Page);
        foreach (ulong length in (ulong[])[Page + 6, 2 * Page])
        {
            memory.TryProbe(Page - 5, length, AccessType.Read, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
        }
    }

    /// <summary>Of addresses that are reserved, and no memory any more, there may be so many that looking at each page never ends.</summary>
    [LinuxFact]
    public void What_is_closed_is_not_looked_through()
    {
        var large = new SparseBacking(1UL << 42);
        using GuestMemory memory = new GuestMemoryBuilder("large").AddRegion(0, large).AddRegion(1UL << 42, new HeapBacking(Page)).Build();
        memory.Write(1UL << 42, "needle"u8);
        long start = Environment.TickCount64;
        large.Dispose();
        memory.FindAll("needle"u8).ShouldBe([1UL << 42]);
        memory.Dispose();
        memory.FindAll("needle"u8).ShouldBeEmpty();
        (Environment.TickCount64 - start).ShouldBeLessThan(20_000);
    }

    [Fact]
    public void A_dump_ends_with_the_address_space()
    {
        using GuestMemory memory = new GuestMemoryBuilder("top").AddRegion(0, new HeapBacking(Page)).AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        using var writer = new StringWriter { NewLine = "\n" };
        memory.Dump(0xffff_ffff_ffff_fff0, ulong.MaxValue, writer);
        memory.Dispose();
        memory.Dump(0xffff_ffff_ffff_fff0, 0x18, writer);
        writer.ToString().ShouldBe(
            "0xfffffffffffffff0  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n" +
            "0x10000000000000000  0xffffffffffffffef bytes: no memory at address\n" +
            "0xfffffffffffffff0  0x18 bytes: memory has been disposed\n");
    }

    [Fact]
    public void A_dump_shows_both_sides_of_a_border_that_no_access_crosses()
    {
        using var lower = new HeapBacking(new byte[Page + 5], new HeapBackingOptions { ExactLength = true });
        using GuestMemory memory = new GuestMemoryBuilder("strict").Strict().AddRegion(Page - 5, lower).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        memory.Fill((2 * Page) - 5, 0x41, 5);
        memory.Fill(2 * Page, 0x42, 3);
        using var writer = new StringWriter { NewLine = "\n" };
        memory.Dump((2 * Page) - 2, 5, writer);
        writer.ToString().ShouldBe(
            "0x0000000000001ff0                                             41 41  |              AA|\n" +
            "0x0000000000002000  42 42 42                                          |BBB|\n");
    }

    [Fact]
    public void A_dump_shows_bytes_and_says_what_is_not_there()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, Page);
        mapping.Commit(3 * Page, Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, mapping).AddRegion(0x10_0000, new HeapBacking(Page)).Build();
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
