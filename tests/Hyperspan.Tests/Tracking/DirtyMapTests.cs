namespace Hyperspan.Tests.Tracking;

/// <summary>The two levels of marks: what one thread has half done must not hide what another does.</summary>
public sealed class DirtyMapTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Fact]
    public void Marks_are_taken_once_and_in_order()
    {
        var map = new DirtyMap(5000 * Page);
        map.Mark(0, 1);
        map.Mark((4999 * Page) + 5, 7);
        map.Mark((511 * Page) + 4095, 2);
        map.Mark(60 * Page, 200 * Page);
        Take(map).ShouldBe([0, .. Enumerable.Range(60, 200).Select(static page => (ulong)page), 511, 512, 4999]);
        Take(map).ShouldBeEmpty();
    }

    [Fact]
    public void A_second_writer_completes_the_mark_that_a_first_has_begun()
    {
        // The first has set the page's bit and stands still before the chunk's: a taker finds nothing so far.
        var map = new DirtyMap(1024 * Page);
        map.SetPages(700 / 64, 1UL << (700 % 64));
        Take(map).ShouldBeEmpty();
        map.Mark(700 * Page, 1);
        Take(map).ShouldBe([700UL]);
    }

    private static ulong[] Take(DirtyMap map)
    {
        var pages = new DirtyWordList();
        map.Take(ref pages);
        return [.. pages.Words.SelectMany(static word => Enumerable.Range(0, 64).Where(i => (word.Bits >> i & 1) != 0).Select(i => (word.Index * 64) + (ulong)i))];
    }
}
