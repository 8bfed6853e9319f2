namespace Hyperspan.Tests.Addressing;

public class GuestMemoryRegionTests
{
    [Fact]
    public void Keeps_what_it_was_made_of_and_compares_by_value()
    {
        var range = new GuestRange(0x1000, 0x2000);
        var region = new GuestMemoryRegion(range, 3, Protection.ReadExecute);
        region.Range.ShouldBe(range);
        region.Slot.ShouldBe(3u);
        region.Protection.ShouldBe(Protection.ReadExecute);

        region.ShouldBe(new GuestMemoryRegion(range, 3, Protection.ReadExecute));
        region.ShouldNotBe(region with { Slot = 4 });
        region.ShouldNotBe(region with { Range = new GuestRange(0x1000, 0x1000) });
        region.ShouldNotBe(region with { Protection = Protection.Read });
        region.ToString().ShouldBe("GuestMemoryRegion { Range = 0x1000-0x3000, Slot = 3, Protection = r-x }");
    }
}
