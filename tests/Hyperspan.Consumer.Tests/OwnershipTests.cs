namespace Hyperspan.Consumer.Tests;

/// <summary>Who disposes a backing: the memory, unless it was told to leave it open.</summary>
public class OwnershipTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_memory_disposes_its_backing_unless_it_is_to_leave_it_open(bool leaveOpen)
    {
        using var backing = new HeapBacking(Page);
        using (var memory = new GuestMemory(backing, "ram", leaveOpen))
        {
            memory.Name.ShouldBe("ram");
            memory.Write(0, 7);
        }

        backing.IsDisposed.ShouldBe(!leaveOpen);
        if (leaveOpen)
        {
            using var again = new GuestMemory(backing);
            again.Name.ShouldBe(backing.Name);
            again.Read<int>(0).ShouldBe(7);
        }
    }

    [Fact]
    public void Each_region_says_whether_its_backing_stays_open()
    {
        using var kept = new HeapBacking(2 * Page);
        using var own = new HeapBacking(2 * Page);
        using var both = new HeapBacking(2 * Page);
        GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, kept, 0, Page, Protection.Read, leaveOpen: true)
            .AddRegion(0x10000, own)
            .AddRegion(0x20000, both, Page, Page, Protection.ReadWrite, leaveOpen: true)
            .AddRegion(0x30000, both, 0, Page)
            .Build();
        memory.Length.ShouldBe(5 * Page);
        memory.End.ShouldBe(0x31000UL);
        memory.Slice(0x10000, 100).Length.ShouldBe(100UL);
        memory.Regions.Count.ShouldBe(4);
        memory.Regions.ShouldBeSameAs(memory.Regions);
        memory.Regions[2].BackingOffset.ShouldBe(Page);
        memory.Dispose();
        kept.IsDisposed.ShouldBeFalse();
        own.IsDisposed.ShouldBeTrue();
        both.IsDisposed.ShouldBeTrue("one of its regions owns it");
        GuestMemory.Empty.Length.ShouldBe(0UL);
    }

    [Fact]
    public void A_slice_that_can_be_pinned_is_asked_for_in_both_forms()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 * Page);
        memory.PinnableSlice(new GuestRange(10, Page)).Length.ShouldBe(Page);
        memory.TryPinnableSlice(0, (2 * Page) + 1, out GuestMemory? slice, out GuestMemoryFault fault).ShouldBeFalse();
        slice.ShouldBeNull();
        fault.Address.ShouldBe(new GuestAddress(2 * Page));
        memory.TrySlice(0, Page, out slice, out fault).ShouldBeTrue();
        slice.ShouldNotBeNull().End.ShouldBe(Page);
    }
}
