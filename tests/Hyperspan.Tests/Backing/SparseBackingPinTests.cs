using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class SparseBackingPinTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void Pinned_pages_refuse_whatever_would_take_them_away()
    {
        using SparseBacking mapping = new(16 * Page, new() { Name = "ram" });
        using SafeFileHandle file = SelfProbe.MemoryFile(16 * Page);
        mapping.Commit(0, 8 * Page);
        mapping.MapFile(8 * Page, file, 0, 4 * Page, writable: true);
        Lock(mapping, SelfProbe.FirstIn(9, 3, 5)).ShouldBeTrue();
        mapping.Mapping[3 * Page] = 1;
        (string Name, ulong First, ulong Count, ulong Pinned, Action<ulong, ulong> Run)[] refused =
        [
            ("unmap", 0, 16, 3, mapping.Unmap),
            ("unmap", 4, 6, 5, mapping.Unmap),
            ("unmap", 9, 1, 9, mapping.Unmap),
            ("decommit", 3, 1, 3, mapping.Decommit),
            ("protect", 0, 4, 3, (offset, length) => mapping.Protect(offset, length, Protection.Read)),
            ("protect", 3, 1, 3, (offset, length) => mapping.Protect(offset, length, Protection.None)),
            ("commit", 3, 1, 3, (offset, length) => mapping.Commit(offset, length, Protection.Read)),
            ("commit", 8, 2, 9, mapping.Commit),
            ("map zeros at", 2, 2, 3, mapping.MapZero),
            ("map a file at", 5, 1, 5, (offset, length) => mapping.MapFile(offset, file, 0, length, writable: true)),
        ];
        foreach ((string name, ulong first, ulong count, ulong pinned, Action<ulong, ulong> run) in refused)
        {
            Should.Throw<InvalidOperationException>(() => run(first * Page, count * Page)).Message
                .ShouldBe($"'ram': cannot {name} 0x{first * Page:x}-0x{(first + count) * Page:x}: page {pinned * SelfProbe.GuestPages} is pinned.");
        }

        mapping.Mapping[3 * Page].ShouldBe((byte)1);
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + (8 * Page)).ShouldBe("rw");

        // The pages between are free.
        mapping.Unmap(4 * Page, Page);
        mapping.Unmap(6 * Page, 3 * Page);
        mapping.UnpinPages(SelfProbe.FirstIn(9, 3, 5));
        mapping.Unmap(0, 16 * Page);
    }

    [Fact]
    public void A_pinned_page_that_is_not_there_yet_can_be_provided_and_its_protection_widened()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.MapZero(Page, Page);
        Lock(mapping, SelfProbe.FirstIn(0, 1, 2));
        mapping.Commit(0, Page);
        mapping.Commit(0, 2 * Page);
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("rw");
        mapping.MapZero(2 * Page, Page);
        mapping.Protect(2 * Page, Page, Protection.ReadWrite);
        Should.Throw<InvalidOperationException>(() => mapping.MapZero(2 * Page, Page));
        mapping.UnpinPages(SelfProbe.FirstIn(0, 1, 2));
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
        using SparseBacking mapping = new(8 * GuestAddress.PageSize);
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
