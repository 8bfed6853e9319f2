using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>Page lists as guests send them, and cuts that like the edges of pages.</summary>
internal static class PagedGenerators
{
    private const int Page = GuestAddress.PageSize;

    /// <summary>Up to six pages out of 0 to 9: often consecutive, sometimes the same.</summary>
    public static Gen<ulong[]> Pages { get; } =
        from count in Gen.Choose(0, 6)
        from first in Gen.Choose(0, 9)
        from steps in Gen.Elements(1, 1, 1, 0, 3, 7).ListOf(count)
        select Follow(first, steps);

    /// <summary>A number from 0 to 1000, for a place in something whose length is not known yet; see <see cref="Scale"/>.</summary>
    public static Gen<int> Thousandth { get; } = Gen.Choose(0, 1000);

    public static Gen<PagedRangeBuffer> Ranges { get; } =
        from pages in Pages
        from offset in Thousandth
        from length in Thousandth
        select Cut(pages, offset, length);

    public static Gen<PagedRangeBuffer[]> Lists { get; } = Gen.Choose(0, 4).SelectMany(count => Ranges.ArrayOf(count));

    /// <summary>A place in 0 to <paramref name="length"/>: the edges of pages and their neighbours as often as all others.</summary>
    public static ulong Scale(int thousandth, ulong length)
    {
        ulong at = length * (ulong)thousandth / 1000;
        return (thousandth % 4) switch
        {
            0 => at / Page * Page,
            1 => Math.Min(length, (at / Page * Page) + 1),
            2 => at / Page * Page is var edge && edge > 0 ? edge - 1 : at,
            _ => at,
        };
    }

    public static void Check<T>(Gen<T> values, Func<T, bool> property, int tests = 300) =>
        Prop.ForAll(values.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(tests));

    /// <summary>The model of a range: the address of each byte.</summary>
    public static List<ulong> AddressesOf(ulong[] pages, ulong offset, ulong length)
    {
        var addresses = new List<ulong>((int)length);
        for (ulong i = offset; i < offset + length; i++)
        {
            addresses.Add((pages[i / Page] * Page) + (i % Page));
        }

        return addresses;
    }

    public static List<ulong> AddressesOf(PagedRangeBuffer range) => AddressesOf(range.PageNumbers.ToArray(), range.Offset, range.Length);

    /// <summary>What <see cref="PagedRange.Runs"/> says; runs that should have been one show up as a failure.</summary>
    public static List<ulong> AddressesOf(PagedRange range)
    {
        var addresses = new List<ulong>();
        foreach (PagedRun run in range.Runs)
        {
            run.IsValid.ShouldBeTrue();
            bool continues = addresses.Count > 0 && addresses[^1] + 1 == run.Address.Value;
            continues.ShouldBeFalse();
            for (ulong i = 0; i < run.Length; i++)
            {
                addresses.Add(run.Address.Value + i);
            }
        }

        return addresses;
    }

    private static ulong[] Follow(int first, IEnumerable<int> steps)
    {
        int at = first;
        return [.. steps.Select(step => (ulong)(at = (at + step) % 10))];
    }

    private static PagedRangeBuffer Cut(ulong[] pages, int offset, int length)
    {
        ulong available = (ulong)pages.Length * Page;
        ulong start = Scale(offset, available);
        return new PagedRangeBuffer(pages, start, Scale(length, available - start));
    }
}
