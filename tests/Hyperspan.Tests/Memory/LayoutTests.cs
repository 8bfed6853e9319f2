using FsCheck;
using FsCheck.Fluent;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Regions in any layout: lookup, crossing, strictness, and what a builder refuses.</summary>
public class LayoutTests
{
    private const ulong Page = 4096;
    private const ulong GiB = 1UL << 30;

    [Fact]
    public void Ram_below_and_above_the_hole()
    {
        var ram = new HeapBacking(64 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, ram, backingOffset: 0, length: 48 * Page)
            .AddRegion(4 * GiB, ram, backingOffset: 48 * Page, length: ram.Length - (48 * Page))
            .Build();
        memory.Write((48 * Page) - 8, 1UL);
        memory.Write(4 * GiB, 2UL);
        memory.TryRead(48 * Page, out byte _).ShouldBeFalse();
        memory.TryRead((4 * GiB) - 1, out byte _).ShouldBeFalse();
        memory.TryRead((4 * GiB) + (16 * Page), out byte _).ShouldBeFalse();
        memory.Read<ulong>(4 * GiB).ShouldBe(2UL);
        memory.End.ShouldBe((4 * GiB) + (16 * Page));
        memory.Regions.Select(r => r.Range.ToString()).ShouldBe(["0x0-0x30000", "0x100000000-0x100010000"]);
        memory.ReadBytesFault((48 * Page) - 8, 16).ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 48 * Page);
    }

    [Fact]
    public void Regions_without_a_backing_are_memory_of_this_process()
    {
        GuestMemoryBuilder builder = new GuestMemoryBuilder("ram").AddRegion(0, Page).AddRegion(4 * GiB, 100).AddRegion(8 * GiB, 0);
        Should.Throw<ArgumentException>(() => builder.AddRegion(4 * GiB, Page));
        GuestMemory memory = builder.Build();
        memory.Write(4 * GiB, 2UL);
        memory.Read<ulong>(4 * GiB).ShouldBe(2UL);
        memory.Read<ulong>(Page - 8).ShouldBe(0UL);
        memory.Regions.Select(r => r.Range.ToString()).ShouldBe(["0x0-0x1000", "0x100000000-0x100001000"]);
        memory.Dispose();
        memory.Regions.ShouldAllBe(static region => region.Backing is HeapBacking && region.Backing.IsDisposed);
    }

    [Fact]
    public void Touching_regions_are_crossed_unless_strict()
    {
        byte[] data = Pattern(3000);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page)).AddRegion(Page, new HeapBacking(Page)).Build();
        memory.Write(Page - 1500, data);
        memory.Read(Page - 1500, 3000).ShouldBe(data);
        memory.Write(Page - 3, 0x0102_0304_0506_0708UL);
        memory.Read<ulong>(Page - 3).ShouldBe(0x0102_0304_0506_0708UL);
        memory.Read<Guid>(Page - 7).ShouldBe(new Guid(memory.Read(Page - 7, 16)));

        using GuestMemory strict = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page)).AddRegion(Page, new HeapBacking(Page)).Strict().Build();
        strict.IsStrict.ShouldBeTrue();
        strict.ReadBytesFault(Page - 1, 2).ShouldBeFault(GuestMemoryFaultKind.CrossesRegions, Page);
        strict.TryRead(Page - 3, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.CrossesRegions, Page);
        strict.Read<byte>(Page - 1).ShouldBe((byte)0);
        strict.TryRead(2 * Page - 1, new byte[2], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 2 * Page);
    }

    [Fact]
    public void A_memory_without_a_name_of_its_own_has_that_of_its_lowest_backing()
    {
        GuestMemoryBuilder builder = new();
        builder.Build().Name.ShouldBe("empty");
        builder.AddRegion(GiB, new HeapBacking(Page, new HeapBackingOptions { Name = "high" }));
        builder.AddRegion(0, new HeapBacking(Page, new HeapBackingOptions { Name = "low" }));
        using GuestMemory memory = builder.Build();
        memory.Name.ShouldBe("low");
        memory.ReadBytesFault(Page, 1).MemoryName.ShouldBe("low");
    }

    [Fact]
    public void Many_regions_are_found_in_a_few_steps()
    {
        var builder = new GuestMemoryBuilder("slots");
        for (ulong i = 0; i < 512; i++)
        {
            builder.AddRegion((i * 37 * GiB) + ((i % 7) * Page), new HeapBacking(Page));
        }

        using GuestMemory memory = builder.Build();
        for (ulong i = 0; i < 512; i++)
        {
            ulong start = (i * 37 * GiB) + ((i % 7) * Page);
            memory.Write(start + 8, i);
            memory.TryRead(start + Page, out byte _).ShouldBeFalse();
            if (start > 0)
            {
                memory.TryRead(start - 1, out byte _).ShouldBeFalse();
            }
        }

        for (ulong i = 0; i < 512; i++)
        {
            memory.Read<ulong>((i * 37 * GiB) + ((i % 7) * Page) + 8).ShouldBe(i);
        }
    }

    [Fact]
    public void Regions_reach_the_top_of_the_address_space()
    {
        using GuestMemory memory = new GuestMemoryBuilder("top").AddRegion(0, new HeapBacking(Page)).AddRegion(ulong.MaxValue - (Page - 1), new HeapBacking(Page)).Build();
        memory.Write(ulong.MaxValue, (byte)5);
        memory.Read<byte>(ulong.MaxValue).ShouldBe((byte)5);
        memory.TryRead(ulong.MaxValue, out ushort _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address.ShouldBeNull();
        memory.TryRead(ulong.MaxValue - 7, new byte[16], out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange, "it does not go on at zero");
        memory.Regions[1].Range.ToString().ShouldBe("0xfffffffffffff000-0x10000000000000000");
    }

    [Fact]
    public void Lookup_agrees_with_a_list_of_regions()
    {
        // Regions of a few pages at random pages of a space that is now dense, now sparse.
        Gen<(int, int)> region = from page in Gen.Choose(0, 300) from count in Gen.Choose(1, 9) select (page, count);
        Gen<(int, (int, int)[])> layout = from spread in Gen.Choose(0, 24) from regions in region.ArrayOf() select (spread, regions);
        Prop.ForAll(layout.ToArbitrary(), l =>
        {
            (int spread, (int Page, int Count)[] wanted) = l;
            var builder = new GuestMemoryBuilder("any").LeaveBackingsOpen();
            var placed = new List<(ulong Start, ulong End)>();
            foreach ((int page, int count) in wanted)
            {
                ulong start = ((ulong)page << spread) * Page;
                ulong end = start + ((ulong)count * Page);
                if (placed.Any(p => start < p.End && p.Start < end))
                {
                    Should.Throw<ArgumentException>(() => builder.AddRegion(start, Shared, backingOffset: 0, length: (ulong)count * Page));
                    continue;
                }

                builder.AddRegion(start, Shared, backingOffset: 0, length: (ulong)count * Page);
                placed.Add((start, end));
            }

            using GuestMemory memory = builder.Build();
            foreach (ulong edge in placed.SelectMany(p => new[] { p.Start, p.End }).Append(0UL))
            {
                foreach (ulong address in new[] { edge - 1, edge, edge + 1, edge + Page, edge - Page })
                {
                    bool expected = placed.Any(p => address >= p.Start && address < p.End);
                    memory.TryRead(address, out byte _).ShouldBe(expected);
                    memory.TryRead(address, new byte[1]).ShouldBe(expected);
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    private static readonly HeapBacking Shared = new(16 * Page);

    [Fact]
    public void Builders_refuse_what_cannot_be()
    {
        var heap = new HeapBacking(4 * Page);
        var builder = new GuestMemoryBuilder("ram").AddRegion(8 * Page, heap);
        Refused(() => builder.AddRegion(11 * Page, heap), "shares a page");
        Refused(() => builder.AddRegion(5 * Page, heap), "shares a page");
        Refused(() => builder.AddRegion(0, heap, backingOffset: 12, length: 4), "page size");
        Refused(() => builder.AddRegion(0, heap, backingOffset: 8 * Page, length: Page), "not in the backing");
        Refused(() => builder.AddRegion(0, heap, backingOffset: 0, length: 5 * Page), "not in the backing");
        Refused(() => builder.AddRegion(ulong.MaxValue - Page, heap), "past 2^64");
        Refused(() => builder.AddEqualRegions(3 * Page, heap), "not a power of 2");
        Refused(() => builder.AddEqualRegions(2048, heap), "smaller than a page");
        Refused(() => builder.AddEqualRegions(Page, heap), "too large");
        Refused(() => builder.AddEqualRegions(1UL << 62, heap, heap, heap), "too many regions (3)");
        heap.Dispose();
        Should.Throw<ObjectDisposedException>(() => builder.Build());

        static void Refused(Action action, string why) => Should.Throw<ArgumentException>(action).Message.ShouldContain(why);
    }

    [Fact]
    public void A_backing_may_fill_its_region()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddEqualRegions(Page, new HeapBacking(Page), new HeapBacking(Page)).Build();
        memory.Write(Page - 1, (byte)1);
        memory.Write((2 * Page) - 1, (byte)2);
        memory.Read<byte>(Page - 1).ShouldBe((byte)1);
        memory.Read<byte>((2 * Page) - 1).ShouldBe((byte)2);
    }

    [Fact]
    public unsafe void The_full_mapping_is_there_for_one_direct_region()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 * Page);
        memory.TryGetFullMapping(out byte* mapping, out ulong length).ShouldBeTrue();
        length.ShouldBe(2 * Page);
        mapping[5] = 6;
        memory.Read<byte>(5).ShouldBe((byte)6);

        NoMapping(new GuestMemory(new SparseBacking(Page), "sparse"));
        NoMapping(new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(Page)).AddRegion(Page, new HeapBacking(Page)).Build());
        NoMapping(new GuestMemoryBuilder("rom").AddRegion(0, new HeapBacking(Page), protection: Protection.Read).Build());
        NoMapping(GuestMemory.Empty);
        memory.Dispose();
        NoMapping(memory);

        static void NoMapping(GuestMemory memory)
        {
            memory.TryGetFullMapping(out _, out _).ShouldBeFalse();
            memory.Dispose();
        }
    }

    [Fact]
    public void Io_addresses_follow_regions_and_slices()
    {
        using GuestMemory memory = new GuestMemoryBuilder("dma").AddRegion(0, new HeapBacking(Page)).AddRegion(GiB, new IovaBacking()).Build();
        memory.GetIova(GiB + 5).ShouldBe(0x7000_0005UL);
        memory.GetIova(0).ShouldBeNull();
        memory.GetIova(Page).ShouldBeNull();
        memory.Slice(GiB + 100, 10).GetIova(3).ShouldBe(0x7000_0067UL);
    }

    [Fact]
    public void Empty_memory_fails_everything()
    {
        GuestMemory.Empty.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 0);
        GuestMemory.Empty.End.ShouldBe(0UL);
        GuestMemory.Empty.Dispose();
        GuestMemory.Empty.TryRead(0, out byte _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange, "there is nothing to dispose of");
    }

    private sealed class IovaBacking : GuestMemoryBacking
    {
        public override ulong Length => Page;

        public override ulong? BaseIova => 0x7000_0000;
    }
}
