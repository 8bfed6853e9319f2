using System.Text;
using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

public class GuestRangeTests
{
    private const ulong Max = ulong.MaxValue;

    [Theory]
    [InlineData(Max - 0x100, 0x200UL)]
    [InlineData(Max, 2UL)]
    [InlineData(2UL, Max)]
    [InlineData(Max - 0xFFF, 0x1001UL)]
    [InlineData(Max, Max)]
    public void A_range_that_overflows_is_refused(ulong start, ulong length)
    {
        ArgumentException error = Should.Throw<ArgumentException>(() => new GuestRange(start, length));
        error.ParamName.ShouldBe("length");
        error.Message.ShouldContain($"start {new GuestAddress(start)}, length {length} ");
        GuestRange.TryCreate(start, length, out GuestRange range).ShouldBeFalse();
        range.ShouldBe(default);
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(0x1000UL, 0x1000UL)]
    [InlineData(0UL, Max)]
    [InlineData(Max, 0UL)]
    [InlineData(Max - 1, 1UL)]
    public void A_range_that_fits_is_taken(ulong start, ulong length)
    {
        var range = new GuestRange(start, length);
        range.Start.Value.ShouldBe(start);
        range.Length.ShouldBe(length);
        range.End.Value.ShouldBe(start + length);
        range.IsEmpty.ShouldBe(length == 0);
        GuestRange.TryCreate(start, length, out GuestRange tried).ShouldBeTrue();
        tried.ShouldBe(range);
        GuestRange.FromBounds(range.Start, range.End).ShouldBe(range);
    }

    [Fact]
    public void Reversed_bounds_are_refused()
    {
        ArgumentException error = Should.Throw<ArgumentException>(() => GuestRange.FromBounds(0x2000, 0x1FFF));
        error.ParamName.ShouldBe("endExclusive");
        error.Message.ShouldContain("start 0x0000000000002000, end 0x0000000000001fff");
    }

    [Fact]
    public void Contains_its_first_and_last_byte_but_not_its_end()
    {
        var range = new GuestRange(0x1000, 0x1000);
        range.Contains(0x0FFF).ShouldBeFalse();
        range.Contains(0x1000).ShouldBeTrue();
        range.Contains(0x1FFF).ShouldBeTrue();
        range.Contains(0x2000).ShouldBeFalse();
        range.Contains(GuestAddress.Zero).ShouldBeFalse();
        range.Contains(GuestAddress.MaxValue).ShouldBeFalse();
    }

    [Fact]
    public void An_empty_range_has_a_place_and_no_bytes()
    {
        var empty = new GuestRange(0x1800, 0);
        var full = new GuestRange(0x1000, 0x1000);
        empty.Contains(0x1800).ShouldBeFalse();
        empty.Contains(empty).ShouldBeFalse();
        empty.Contains(full).ShouldBeFalse();
        full.Contains(empty).ShouldBeFalse();
        empty.Overlaps(full).ShouldBeFalse();
        full.Overlaps(empty).ShouldBeFalse();
        full.Intersect(empty).ShouldBe(default);
        full.Touches(new GuestRange(full.End, 0)).ShouldBeFalse();
        new GuestRange(full.End, 0).Touches(full).ShouldBeFalse();
        empty.PageCount.ShouldBe(0UL);
        empty.ShouldNotBe(new GuestRange(0x1801, 0));
    }

    [Theory]
    [InlineData(0x1000UL, 0x1000UL, 1UL, 1UL)]
    [InlineData(0x1000UL, 0x1001UL, 1UL, 2UL)]
    [InlineData(0x1FFFUL, 1UL, 1UL, 1UL)]
    [InlineData(0x1FFFUL, 2UL, 1UL, 2UL)]
    [InlineData(0x1FFFUL, 0x1002UL, 1UL, 3UL)]
    [InlineData(0UL, Max, 0UL, 1UL << 52)]
    [InlineData(Max - 1, 1UL, (1UL << 52) - 1, 1UL)]
    [InlineData(Max, 1UL, (1UL << 52) - 1, 1UL)]
    [InlineData(Max - 0x1000, 0x1001UL, (1UL << 52) - 2, 2UL)]
    public void Counts_the_pages_it_has_bytes_of(ulong start, ulong length, ulong first, ulong count)
    {
        var range = new GuestRange(start, length);
        range.FirstPageNumber.ShouldBe(first);
        range.PageCount.ShouldBe(count);
    }

    [Fact]
    public void A_range_can_have_the_last_byte_there_is()
    {
        var top = new GuestRange(Max - 0xFFF, 0x1000);
        (top.Last, top.End, top.IsEmpty).ShouldBe((GuestAddress.MaxValue, GuestAddress.Zero, false));
        top.Contains(GuestAddress.MaxValue).ShouldBeTrue();
        top.Contains(GuestAddress.Zero).ShouldBeFalse();
        top.Contains(new GuestRange(Max, 1)).ShouldBeTrue();
        top.Contains(new GuestRange(Max - 0x1000, 0x1001)).ShouldBeFalse();
        new GuestRange(1, Max).Contains(top).ShouldBeTrue();

        var below = new GuestRange(Max - 0x1FFF, 0x1000);
        top.Touches(below).ShouldBeTrue();
        below.Touches(top).ShouldBeTrue();
        top.Overlaps(below).ShouldBeFalse();

        // The first byte of all does not follow the last.
        var first = new GuestRange(0, 1);
        (top.Touches(first), first.Touches(top), top.Overlaps(first)).ShouldBe((false, false, false));
        top.Intersect(new GuestRange(Max - 0x10, 0x11)).ShouldBe(new GuestRange(Max - 0x10, 0x11));
        default(GuestRange).Last.ShouldBeNull();
    }

    [Theory]
    [InlineData("x", "0xfffffffffffff000-0x10000000000000000")]
    [InlineData("D", "18446744073709547520-18446744073709551616")]
    public void A_range_with_the_last_byte_prints_and_parses(string format, string expected)
    {
        var top = new GuestRange(Max - 0xFFF, 0x1000);
        top.ToString(format).ShouldBe(expected);
        GuestRange.Parse(expected).ShouldBe(top);
        GuestRange.TryParse("0-18446744073709551616", out _).ShouldBeFalse();
        GuestRange.TryParse("0x10000000000000000-0x10000000000000000", out _).ShouldBeFalse();
        top.TryFormat(new char[expected.Length - 1], out int written, format).ShouldBeFalse();
        written.ShouldBe(0);
    }

    [Fact]
    public void Comes_apart_and_compares_by_value()
    {
        var range = new GuestRange(0x1000, 0x2000);
        (GuestAddress start, ulong length) = range;
        start.Value.ShouldBe(0x1000UL);
        length.ShouldBe(0x2000UL);

        (range == new GuestRange(0x1000, 0x2000)).ShouldBeTrue();
        (range != new GuestRange(0x1000, 0x2000)).ShouldBeFalse();
        (range == new GuestRange(0x1000, 0x2001)).ShouldBeFalse();
        (range != new GuestRange(0x1001, 0x2000)).ShouldBeTrue();
        range.Equals((object)new GuestRange(0x1000, 0x2000)).ShouldBeTrue();
        range.Equals("0x1000-0x3000").ShouldBeFalse();
        range.GetHashCode().ShouldBe(new GuestRange(0x1000, 0x2000).GetHashCode());
    }

    [Theory]
    [InlineData(null, "0xa000-0xb000")]
    [InlineData("", "0xa000-0xb000")]
    [InlineData("G", "0xa000-0xb000")]
    [InlineData("x", "0xa000-0xb000")]
    [InlineData("X", "0xA000-0xB000")]
    [InlineData("D", "40960-45056")]
    public void Prints(string? format, string expected)
    {
        var range = new GuestRange(0xA000, 0x1000);
        range.ToString(format).ShouldBe(expected);
        Should.Throw<FormatException>(() => range.ToString("x16"));
    }

    [Fact]
    public void Prints_its_bounds_unless_told()
    {
        new GuestRange(0x1000, 0x1000).ToString().ShouldBe("0x1000-0x2000");
        $"{new GuestRange(0x1000, 0)}".ShouldBe("0x1000-0x1000");
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("0x1000")]
    [InlineData("0x1000-")]
    [InlineData("-0x1000")]
    [InlineData("0x2000-0x1fff")]
    [InlineData("0x1000-0x2000-0x3000")]
    [InlineData("0x1000--0x2000")]
    [InlineData("0x1000 - 0x2000")]
    [InlineData("0x1000+0x2000")]
    [InlineData("0x0-0x10000000000000000")]
    public void Refuses_what_is_not_a_range(string text)
    {
        GuestRange.TryParse(text, out GuestRange result).ShouldBeFalse();
        result.ShouldBe(default);
        Should.Throw<FormatException>(() => GuestRange.Parse(text)).Message.ShouldContain("is not a guest range");
    }

    [Fact]
    public void Null_is_not_a_range()
    {
        GuestRange.TryParse(null, provider: null, out _).ShouldBeFalse();
        Should.Throw<ArgumentNullException>(() => GuestRange.Parse(null!));
    }

    [Fact]
    public void Every_format_parses_back_and_utf8_is_the_same_text() => Check(Ranges, range =>
        new[] { null, "G", "x", "X", "D" }.All(format =>
        {
            string text = range.ToString(format);
            byte[] utf8 = new byte[text.Length];
            return GuestRange.Parse(text) == range
                && GuestRange.TryParse(text.AsSpan(), provider: null, out GuestRange again) && again == range
                && range.TryFormat(utf8, out int bytes, format) && bytes == text.Length
                && Encoding.UTF8.GetString(utf8) == text
                && Enumerable.Range(0, text.Length).All(length =>
                    !range.TryFormat(new char[length], out int written, format) && written == 0);
        }));

    [Fact]
    public void Formatting_does_not_allocate()
    {
        var range = new GuestRange(0, Max);
        char[] chars = new char[41];
        byte[] utf8 = new byte[41];
        Allocations.Of(Run).ShouldBe(0);

        void Run()
        {
            range.TryFormat(chars, out int length, "D");
            range.TryFormat(utf8, out _);
            _ = GuestRange.TryParse(chars.AsSpan(0, length), out _);
        }
    }
}
