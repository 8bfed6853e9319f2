using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests;

/// <summary>What is known of an address without accessing it: containment, region, mapping.</summary>
public class RegionLookupTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_range_is_contained_where_an_access_would_be_in_bounds(bool strict)
    {
        var builder = new GuestMemoryBuilder("ram");
        using GuestMemory memory = (strict ? builder.Strict() : builder)
            .AddRegion(0, new FallbackBacking((int)Page)).AddRegion(Page, new HeapBacking(Page)).AddRegion(8 * Page, new HeapBacking(Page))
            .AddRegion(0xffff_ffff_ffff_f000, new HeapBacking(Page)).Build();
        ulong[] addresses = [0, 1, Page - 1, Page, (2 * Page) - 1, 2 * Page, (8 * Page) - 1, 8 * Page, (9 * Page) - 1, 9 * Page, 0xffff_ffff_ffff_f000, ulong.MaxValue];
        ulong[] lengths = [0, 1, 2, Page, Page + 1, 2 * Page, (2 * Page) + 1, ulong.MaxValue];
        foreach (ulong at in addresses)
        {
            memory.Contains(at).ShouldBe(memory.TryProbeReadable(at, out _), $"0x{at:x}");
            foreach (ulong length in lengths)
            {
                memory.Contains(at, length).ShouldBe(memory.TryProbe(at, length, AccessType.Read, out _), $"0x{at:x}+0x{length:x}");
            }
        }

        memory.Dispose();
        memory.Contains(0, 1).ShouldBeFalse();
        memory.Contains(0, 0).ShouldBeTrue();
    }

    [Fact]
    public void A_region_names_its_backing_and_where_in_it_it_lies()
    {
        var low = new HeapBacking(16 * Page);
        var high = new FallbackBacking((int)Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(2 * Page, low, 4 * Page, 8 * Page).AddRegion(64 * Page, high).Build();
        memory.TryFindRegion(2 * Page, out GuestMemoryRegion? region).ShouldBeTrue();
        (region.Backing, region.BackingOffset, region.Range, region.Slot).ShouldBe((low, 4 * Page, new GuestRange(2 * Page, 8 * Page), 0u));
        memory.TryFindRegion((65 * Page) - 1, out region).ShouldBeTrue();
        (region.Backing, region.BackingOffset, region.Slot).ShouldBe((high, 0UL, 1u));
        memory.Regions[1].ShouldBe(region);
        region.ToString().ShouldBe("GuestMemoryRegion { Range = 0x40000-0x41000, Slot = 1, Protection = rwx, Backing = 'device' at 0x0 }");
        memory.TryFindRegion(Page, out region).ShouldBeFalse();
        region.ShouldBeNull();

        GuestMemory view = memory.Slice(3 * Page + 7, Page);
        view.TryFindRegion(5, out region).ShouldBeTrue();
        (region.Backing, region.BackingOffset, region.Range).ShouldBe((low, (5 * Page) + 7, new GuestRange(0, Page)));
        memory.Dispose();
        memory.TryFindRegion(2 * Page, out _).ShouldBeFalse();
    }

    [Fact]
    public unsafe void A_mapping_reaches_from_the_address_to_the_end_of_its_region()
    {
        var low = new HeapBacking(4 * Page);
        var high = new SparseBacking(4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, low).AddRegion(64 * Page, high, Page, 2 * Page).AddRegion(128 * Page, new FallbackBacking((int)Page))
            .Build();
        memory.Write(100, 0x1234);
        memory.TryGetMapping(100, out byte* pointer, out ulong length).ShouldBeTrue();
        (*(int*)pointer).ShouldBe(0x1234);
        length.ShouldBe((4 * Page) - 100);
        memory.TryGetMapping(65 * Page, out pointer, out length).ShouldBeTrue();
        (pointer == high.Mapping + (2 * Page)).ShouldBeTrue();
        length.ShouldBe(Page);
        foreach (ulong at in (ulong[])[4 * Page, 128 * Page])
        {
            memory.TryGetMapping(at, out pointer, out length).ShouldBeFalse();
            (pointer == null, length).ShouldBe((true, 0UL));
        }

        high.Dispose();
        memory.TryGetMapping(65 * Page, out _, out _).ShouldBeFalse();
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void A_probe_throws_what_its_try_form_says(string reason)
    {
        using var hole = new HoleInMemory(reason);
        hole.Memory.Probe(0, Page, AccessType.Write);
        hole.Memory.ProbePages([0], AccessType.Read);
        GuestMemoryException thrown = Should.Throw<GuestMemoryException>(() => hole.Memory.Probe(1, Page, AccessType.Read));
        (thrown.Kind, thrown.Address).ShouldBe((hole.Kind, new GuestAddress(Page)));
        Should.Throw<GuestMemoryException>(() => hole.Memory.ProbePages([0, 1], AccessType.Write)).Kind.ShouldBe(hole.Kind);
    }
}
