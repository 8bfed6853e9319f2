using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

/// <summary>
/// Relations between ranges, against the plainest model there is: the set of their addresses. Small ranges are compared in full,
/// at the bottom and again at the end of the address space, where arithmetic would wrap.
/// </summary>
public class GuestRangeAlgebraTests
{
    private const ulong Top = ulong.MaxValue - 15;

    [Fact]
    public void Containment_of_an_address_is_membership() => ForSmallRanges((a, _, setA, _, origin) =>
        Enumerable.Range(0, 16).All(i => a.Contains(origin + (ulong)i) == setA.Contains(origin.Value + (ulong)i)));

    [Fact]
    public void Containment_of_a_range_is_that_of_a_set_that_is_not_empty() => ForSmallRanges((a, b, setA, setB, _) =>
        a.Contains(b) == (setB.Count > 0 && setB.IsSubsetOf(setA)));

    [Fact]
    public void Overlap_is_a_common_address() => ForSmallRanges((a, b, setA, setB, _) =>
        a.Overlaps(b) == setA.Overlaps(setB));

    [Fact]
    public void Intersection_is_the_common_addresses() => ForSmallRanges((a, b, setA, setB, _) =>
    {
        setA.IntersectWith(setB);
        return setA.SetEquals(AddressesOf(a.Intersect(b)));
    });

    [Fact]
    public void Touching_is_adjacency_without_a_common_address() => ForSmallRanges((a, b, setA, setB, _) =>
        a.Touches(b) == (setA.Count > 0 && setB.Count > 0 && !setA.Overlaps(setB)
            && (setA.Max() + 1 == setB.Min() || setB.Max() + 1 == setA.Min())));

    [Fact]
    public void Page_count_is_the_number_of_pages_of_its_addresses() => Check(SmallRanges, small =>
    {
        // Sixteen addresses around a page boundary.
        var range = new GuestRange(small.Start + 0x1FF8, small.Length);
        HashSet<ulong> pages = [.. AddressesOf(range).Select(address => address / GuestAddress.PageSize)];
        return range.PageCount == (ulong)pages.Count && (pages.Count == 0 || range.FirstPageNumber == pages.Min());
    });

    [Fact]
    public void Relations_hold_for_ranges_of_any_size() => Check(Ranges, (a, b) =>
    {
        GuestRange common = a.Intersect(b);
        return common == b.Intersect(a)
            && a.Overlaps(b) != common.IsEmpty
            && a.Overlaps(b) == b.Overlaps(a)
            && a.Touches(b) == b.Touches(a)
            && !(a.Touches(b) && a.Overlaps(b))
            && (common == default || (a.Contains(common) && b.Contains(common)))
            && a.Contains(b) == (!b.IsEmpty && common == b)
            && (a.IsEmpty || (a.Contains(a) && a.Intersect(a) == a && a.Contains(a.Start) && a.Contains(a.Last!.Value)))
            && !a.Contains(a.End);
    });

    [Fact]
    public void Creation_succeeds_exactly_where_every_byte_has_an_address() => Check(Numbers, (start, length) =>
    {
        bool fits = (UInt128)start + length <= UInt128.One << 64;
        return GuestRange.TryCreate(start, length, out GuestRange range) == fits
            && (fits ? range == new GuestRange(start, length) && range.End.Value == unchecked(start + length) : range == default);
    });

    private static void ForSmallRanges(
        Func<GuestRange, GuestRange, HashSet<ulong>, HashSet<ulong>, GuestAddress, bool> relation)
    {
        foreach (GuestAddress origin in new[] { GuestAddress.Zero, new GuestAddress(Top) })
        {
            Check(SmallRanges, (a, b) =>
            {
                a = new(origin + a.Start.Value, a.Length);
                b = new(origin + b.Start.Value, b.Length);
                return relation(a, b, AddressesOf(a), AddressesOf(b), origin);
            });
        }
    }

    private static HashSet<ulong> AddressesOf(GuestRange range) =>
        [.. Enumerable.Range(0, (int)range.Length).Select(i => range.Start.Value + (ulong)i)];
}
