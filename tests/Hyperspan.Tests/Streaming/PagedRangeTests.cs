using FsCheck.Fluent;

using Hyperspan.Streaming;
using Hyperspan.Tests.Addressing;

using static Hyperspan.Tests.Streaming.PagedGenerators;

namespace Hyperspan.Tests.Streaming;

public class PagedRangeTests
{
    private const ulong Highest = ulong.MaxValue >> GuestAddress.PageShift;

    [Fact]
    public void Runs_are_the_bytes_of_the_pages_in_order() => Check(Ranges, range =>
        AddressesOf(range.Range).SequenceEqual(AddressesOf(range)));

    [Fact]
    public void Only_pages_with_bytes_are_named() => Check(Ranges, buffer =>
    {
        PagedRange range = buffer.Range;
        List<ulong> addresses = AddressesOf(buffer);
        return range.Length == (ulong)addresses.Count
            && range.IsEmpty == (addresses.Count == 0)
            && (range.ToBuffers() is [var kept]
                ? kept.PageNumbers.Length == (int)((kept.Offset + kept.Length + 4095) / 4096) && addresses[0] == (kept.PageNumbers.Span[0] * 4096) + kept.Offset
                : range.IsEmpty);
    });

    [Fact]
    public void Cuts_are_those_of_the_flat_bytes() => Check(
        from buffer in Ranges
        from a in Thousandth
        from b in Thousandth
        select (buffer, a, b),
        test =>
        {
            PagedRange range = test.buffer.Range;
            List<ulong> all = AddressesOf(test.buffer);
            ulong at = Scale(test.a, range.Length);
            ulong length = Scale(test.b, range.Length - at);
            range.Split(at, out PagedRange head, out PagedRange tail);
            return AddressesOf(range.Slice(at, length)).SequenceEqual(all.Skip((int)at).Take((int)length))
                && AddressesOf(range.Skip(at)).SequenceEqual(all.Skip((int)at))
                && AddressesOf(range.Truncate(at)).SequenceEqual(all.Take((int)at))
                && AddressesOf(head).Concat(AddressesOf(tail)).SequenceEqual(all)
                && head.Length == at
                && AddressesOf(range.Skip(at).Truncate(length)).SequenceEqual(AddressesOf(range.Slice(at, length)))
                && AddressesOf(new PagedRange(range.Skip(at).ToBuffers())).SequenceEqual(all.Skip((int)at));
        });

    [Fact]
    public void Creation_succeeds_exactly_where_the_pages_suffice() => Check(
        from pages in Pages
        from offset in AddressingGenerators.Numbers
        from length in AddressingGenerators.Numbers
        select (pages, offset, length),
        test =>
        {
            bool fits = (UInt128)test.offset + test.length <= (UInt128)test.pages.Length * 4096;
            return PagedRange.TryCreate(test.pages, test.offset, test.length, out PagedRange range) == fits
                && range.Length == (fits ? test.length : 0);
        });

    [Fact]
    public void Too_few_pages_are_refused_by_name_of_the_numbers()
    {
        ulong[] pages = [1, 2];
        Should.Throw<ArgumentException>(() => _ = new PagedRange(pages, 1, 0x2000))
            .Message.ShouldStartWith("2 pages have 0x2000 bytes: too few for 0x2000 bytes from offset 0x1 on.");
        Should.Throw<ArgumentException>(() => _ = new PagedRangeBuffer(pages, 1, 0x2000));
        Should.Throw<ArgumentException>(() => _ = new PagedRange(pages, ulong.MaxValue, 2));
        Should.Throw<ArgumentException>(() => _ = new PagedRange([], 0, 1));
        new PagedRange(pages, 0x2000, 0).IsEmpty.ShouldBeTrue();
        new PagedRange([], 0, 0).IsEmpty.ShouldBeTrue();
    }

    [Fact]
    public void Cuts_past_the_end_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Slice(0x801, 0x800))
            .Message.ShouldStartWith("0x800 bytes from offset 0x801 on reach past the end of a range of 0x1000 bytes.");
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Slice(1, ulong.MaxValue));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Skip(0x1001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Truncate(0x1001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Split(0x1001, out _, out _));
        Make().TrySlice(0x1001, 0, out _).ShouldBeFalse();
        Make().TrySplit(0x1001, out _, out _).ShouldBeFalse();
        Make().TrySlice(0x1000, 0, out PagedRange end).ShouldBeTrue();
        end.IsEmpty.ShouldBeTrue();

        static PagedRange Make() => new(new ulong[] { 7, 9 }, 0x800, 0x1000);
    }

    [Fact]
    public void Consecutive_pages_are_one_run()
    {
        var range = new PagedRange(new ulong[] { 0x20, 0x21, 0x22, 0x40, 0x3f, 0x3f }, 0x10, 0x5ff0);
        Describe(range).ShouldBe(["0x20010-0x23000", "0x40000-0x41000", "0x3f000-0x40000", "0x3f000-0x40000"]);
    }

    [Fact]
    public void Ranges_of_runs_are_addresses()
    {
        var ranges = new List<GuestRange>();
        foreach (PagedRun run in new PagedRange(new ulong[] { 1, 2, 5 }, 0x800, 0x1900).Runs)
        {
            ranges.Add(run.Range);
        }

        ranges.ShouldBe([new GuestRange(0x1800, 0x1800), new GuestRange(0x5000, 0x100)]);
    }

    [Fact]
    public void An_invalid_page_number_ends_the_runs()
    {
        ulong[] pages = [5, Highest, Highest + 1, 6];
        Describe(new PagedRange(pages, 0, 0x4000)).ShouldBe(
            ["0x5000-0x6000", "0xfffffffffffff000-0x10000000000000000", "invalid page number 0x10000000000000"]);

        PagedRunEnumerator runs = new PagedRange(pages, 0x2000, 0x2000).Runs;
        runs.MoveNext().ShouldBeTrue();
        PagedRun invalid = runs.Current;
        runs.MoveNext().ShouldBeFalse();
        invalid.IsValid.ShouldBeFalse();
        invalid.FirstPageNumber.ShouldBe(Highest + 1);
        invalid.Length.ShouldBe(0UL);
        Should.Throw<InvalidOperationException>(() => invalid.Address).Message.ShouldBe("Invalid guest page number 0x10000000000000: the highest is 0xfffffffffffff.");
        Should.Throw<InvalidOperationException>(() => invalid.Range);
    }

    [Fact]
    public void Invalid_page_numbers_that_are_cut_off_do_no_harm() =>
        Describe(new PagedRange(new ulong[] { ulong.MaxValue, 3, ulong.MaxValue }, 0x1000, 0x1000)).ShouldBe(["0x3000-0x4000"]);

    [Fact]
    public void Runs_can_be_enumerated_again()
    {
        PagedRunEnumerator runs = new PagedRange(new ulong[] { 1, 3 }, 0, 0x2000).Runs;
        int count = 0;
        foreach (PagedRun _ in runs)
        {
            count++;
        }

        foreach (PagedRun _ in runs)
        {
            count++;
        }

        count.ShouldBe(4);
    }

    private static List<string> Describe(PagedRange range)
    {
        var list = new List<string>();
        foreach (PagedRun run in range.Runs)
        {
            list.Add(run.ToString());
        }

        return list;
    }
}
