using FsCheck.Fluent;

using static Hyperspan.Tests.Addressing.Paged.PagedGenerators;

namespace Hyperspan.Tests.Addressing.Paged;

public class PagedRangesTests
{
    [Fact]
    public void A_list_is_its_ranges_one_after_the_other() => Check(Lists, list =>
    {
        var ranges = new PagedRanges(list);
        List<ulong> all = Flat(list);
        return ranges.Length == (ulong)all.Count && ranges.IsEmpty == (all.Count == 0) && Flat(ranges).SequenceEqual(all);
    });

    [Fact]
    public void Cuts_are_those_of_the_flat_bytes() => Check(
        from list in Lists
        from a in Thousandth
        from b in Thousandth
        from c in Thousandth
        select (list, a, b, c),
        test =>
        {
            var ranges = new PagedRanges(test.list);
            List<ulong> all = Flat(test.list);
            ulong at = Scale(test.a, ranges.Length);
            ulong length = Scale(test.b, ranges.Length - at);
            PagedRanges part = ranges.Slice(at, length);
            ulong further = Scale(test.c, length);
            ranges.Split(at, out PagedRanges head, out PagedRanges tail);
            return part.Length == length
                && Flat(part).SequenceEqual(all.Skip((int)at).Take((int)length))
                && Flat(part.Skip(further)).SequenceEqual(all.Skip((int)(at + further)).Take((int)(length - further)))
                && Flat(part.Truncate(further)).SequenceEqual(all.Skip((int)at).Take((int)further))
                && Flat(head).Concat(Flat(tail)).SequenceEqual(all);
        });

    [Fact]
    public void Cuts_past_the_end_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Slice(0x1800, 0x801));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Skip(0x2001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Truncate(0x2001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Split(0x2001, out _, out _));
        Make().TrySlice(0x2001, 0, out _).ShouldBeFalse();
        Make().Skip(0x2000).IsEmpty.ShouldBeTrue();

        static PagedRanges Make() => new(new PagedRangeBuffer[] { new(new ulong[] { 1 }, 0, 0x1000), new(new ulong[] { 8 }, 0, 0x1000) });
    }

    [Fact]
    public void Empty_elements_are_left_out()
    {
        PagedRangeBuffer empty = default;
        var one = new PagedRangeBuffer(new ulong[] { 4 }, 0x10, 1);
        int count = 0;
        foreach (PagedRange range in new PagedRanges([empty, one, empty, one, empty]))
        {
            range.Length.ShouldBe(1UL);
            count++;
        }

        count.ShouldBe(2);
        new PagedRanges([empty, empty]).IsEmpty.ShouldBeTrue();
        default(PagedRanges).IsEmpty.ShouldBeTrue();
    }

    private static List<ulong> Flat(PagedRangeBuffer[] list) => [.. list.SelectMany(AddressesOf)];

    private static List<ulong> Flat(PagedRanges ranges)
    {
        var all = new List<ulong>();
        foreach (PagedRange range in ranges)
        {
            range.IsEmpty.ShouldBeFalse();
            all.AddRange(AddressesOf(range));
        }

        return all;
    }
}
