using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class SparseBackingPinTests
{
    private const ulong Page = SelfProbe.Page;

    [Fact]
    public void Pinned_pages_refuse_whatever_would_take_them_away()
    {
        using SparseBacking mapping = new(16 * Page, new() { Name = "ram" });
        using SafeFileHandle file = SelfProbe.MemoryFile(16 * Page);
        mapping.Commit(0, 8 * Page);
        mapping.MapFile(8 * Page, file, 0, 4 * Page, writable: true);
        Lock(mapping, 9, 3, 5).ShouldBeTrue();
        mapping.Mapping[3 * Page] = 1;
        (string Name, Action Run)[] refused =
        [
            ("unmap 0x0-0x10000: page 3", () => mapping.Unmap(0, 16 * Page)),
            ("unmap 0x4000-0xa000: page 5", () => mapping.Unmap(4 * Page, 6 * Page)),
            ("unmap 0x9000-0xa000: page 9", () => mapping.Unmap(9 * Page, Page)),
            ("decommit 0x3000-0x4000: page 3", () => mapping.Decommit(3 * Page, Page)),
            ("protect 0x0-0x4000: page 3", () => mapping.Protect(0, 4 * Page, Protection.Read)),
            ("protect 0x3000-0x4000: page 3", () => mapping.Protect(3 * Page, Page, Protection.None)),
            ("commit 0x3000-0x4000: page 3", () => mapping.Commit(3 * Page, Page, Protection.Read)),
            ("commit 0x8000-0xa000: page 9", () => mapping.Commit(8 * Page, 2 * Page)),
            ("map zeros at 0x2000-0x4000: page 3", () => mapping.MapZero(2 * Page, 2 * Page)),
            ("map a file at 0x5000-0x6000: page 5", () => mapping.MapFile(5 * Page, file, 0, Page, writable: true)),
        ];
        foreach ((string name, Action run) in refused)
        {
            Should.Throw<InvalidOperationException>(run).Message.ShouldBe($"'ram': cannot {name} is pinned.");
        }

        mapping.Mapping[3 * Page].ShouldBe((byte)1);
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + (8 * Page)).ShouldBe("rw");

        // The pages between are free.
        mapping.Unmap(4 * Page, Page);
        mapping.Unmap(6 * Page, 3 * Page);
        mapping.UnpinPages([9, 3, 5]);
        mapping.Unmap(0, 16 * Page);
    }

    [Fact]
    public void A_pinned_page_that_is_not_there_yet_can_be_provided_and_its_protection_widened()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.MapZero(Page, Page);
        Lock(mapping, 0, 1, 2);
        mapping.Commit(0, Page);
        mapping.Commit(0, 2 * Page);
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("rw");
        mapping.MapZero(2 * Page, Page);
        mapping.Protect(2 * Page, Page, Protection.ReadWrite);
        Should.Throw<InvalidOperationException>(() => mapping.MapZero(2 * Page, Page));
        mapping.UnpinPages([0, 1, 2]);
    }

    [Fact]
    public void Pins_are_counted_page_by_page()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.Commit(0, 8 * Page);
        Lock(mapping, 1, 1, 2);
        Lock(mapping, 1);
        mapping.IsPinned(0).ShouldBeFalse();
        mapping.UnpinPages([1, 1]);
        mapping.IsPinned(1).ShouldBeTrue();
        mapping.IsPinned(2).ShouldBeTrue();
        Should.Throw<InvalidOperationException>(() => mapping.Unmap(0, 8 * Page)).Message.ShouldContain("page 1 is pinned");

        // One more than there are of page 1: none of these is unpinned.
        Should.Throw<InvalidOperationException>(() => mapping.UnpinPages([2, 1, 1])).Message.ShouldContain("page 1");
        mapping.IsPinned(1).ShouldBeTrue();
        mapping.IsPinned(2).ShouldBeTrue();
        mapping.UnpinPages([2, 1]);
        mapping.IsPinned(1).ShouldBeFalse();
        mapping.IsPinned(ulong.MaxValue).ShouldBeFalse();
        Should.Throw<InvalidOperationException>(() => mapping.UnpinPages([3]));
        mapping.Unmap(0, 8 * Page);
    }

    [Theory]
    [InlineData(8UL, 0x8000UL)]
    [InlineData(1UL << 52, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, ulong.MaxValue)]
    public void A_page_past_the_end_fails_the_pin_of_all(ulong page, ulong address)
    {
        using SparseBacking mapping = new(8 * Page);
        BackingResult result = mapping.PinPages([0, page, 1], AccessType.Read, out bool unpinRequired);
        result.IsFailure.ShouldBeTrue();
        result.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        result.Offset.ShouldBe(address);
        unpinRequired.ShouldBeFalse();
        mapping.IsPinned(0).ShouldBeFalse();
        mapping.PinPages([], AccessType.Read, out unpinRequired).IsFailure.ShouldBeFalse();
        unpinRequired.ShouldBeFalse();
    }

    private static bool Lock(SparseBacking mapping, params ulong[] pages)
    {
        mapping.PinPages(pages, AccessType.Write, out bool unpinRequired).IsFailure.ShouldBeFalse();
        pages.ShouldAllBe(page => mapping.IsPinned(page));
        return unpinRequired;
    }
}
