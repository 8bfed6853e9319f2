using System.Numerics;
using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

public class GuestAddressTests
{
    private const ulong Max = ulong.MaxValue;

    [Fact]
    public void The_default_is_zero()
    {
        default(GuestAddress).ShouldBe(GuestAddress.Zero);
        GuestAddress.Zero.Value.ShouldBe(0UL);
        GuestAddress.MaxValue.Value.ShouldBe(Max);
    }

    [Fact]
    public void Converts_from_and_to_a_number()
    {
        GuestAddress address = 0x1234UL;
        address.Value.ShouldBe(0x1234UL);
        ((ulong)address).ShouldBe(0x1234UL);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(3UL)]
    [InlineData(7UL)]
    [InlineData(0x1001UL)]
    [InlineData(Max)]
    public void An_alignment_that_is_not_a_power_of_two_is_refused(ulong alignment)
    {
        var address = new GuestAddress(0x1234);
        Action[] uses =
        [
            () => address.AlignDown(alignment), () => address.AlignUp(alignment), () => address.IsAligned(alignment),
        ];
        foreach (Action use in uses)
        {
            ArgumentException error = use.ShouldThrow<ArgumentException>();
            error.ParamName.ShouldBe("alignment");
            error.Message.ShouldContain($"must be a power of two, not {alignment}");
        }
    }

    [Theory]
    [InlineData(0x1234UL, 0x1000UL, 0x1000UL, 0x2000UL)]
    [InlineData(0x1000UL, 0x1000UL, 0x1000UL, 0x1000UL)]
    [InlineData(0x1001UL, 1UL, 0x1001UL, 0x1001UL)]
    [InlineData(0UL, 1UL << 63, 0UL, 0UL)]
    [InlineData(1UL, 1UL << 63, 0UL, 1UL << 63)]
    [InlineData(Max - 0xFFF, 0x1000UL, Max - 0xFFF, Max - 0xFFF)]
    public void Alignment_rounds(ulong value, ulong alignment, ulong down, ulong up)
    {
        var address = new GuestAddress(value);
        address.AlignDown(alignment).Value.ShouldBe(down);
        address.AlignUp(alignment).Value.ShouldBe(up);
        address.IsAligned(alignment).ShouldBe(down == value);
    }

    [Theory]
    [InlineData(Max, 2UL)]
    [InlineData(Max - 0xFFE, 0x1000UL)]
    [InlineData((1UL << 63) + 1, 1UL << 63)]
    public void Aligning_up_past_the_last_address_overflows(ulong value, ulong alignment) =>
        Should.Throw<OverflowException>(() => new GuestAddress(value).AlignUp(alignment));

    [Fact]
    public void Aligned_addresses_are_the_nearest_multiples() => Check(Numbers, (value, other) =>
    {
        ulong alignment = 1UL << (int)(other & 63);
        UInt128 down = (UInt128)value / alignment * alignment;
        UInt128 up = ((UInt128)value + alignment - 1) / alignment * alignment;
        var address = new GuestAddress(value);
        return address.AlignDown(alignment).Value == down
            && address.IsAligned(alignment) == (down == value)
            && (up > Max ? Overflows(() => address.AlignUp(alignment)) : address.AlignUp(alignment).Value == up);
    });

    [Fact]
    public void Addition_and_subtraction_agree_with_wide_integers() => Check(Numbers, (a, b) =>
    {
        var address = new GuestAddress(a);
        BigInteger sum = (BigInteger)a + b;
        bool fits = sum <= Max;
        return address.TryAdd(b, out GuestAddress tried) == fits
            && tried.Value == (fits ? sum : 0)
            && address.SaturatingAdd(b).Value == (fits ? sum : Max)
            && (fits ? (address + b).Value == sum : Overflows(() => address + b))
            && (a >= b ? (address - b).Value == a - b : Overflows(() => address - b))
            && (a >= b ? address - new GuestAddress(b) == a - b : Overflows(() => address - new GuestAddress(b)));
    });

    [Fact]
    public void Operators_never_wrap_in_unchecked_code()
    {
        unchecked
        {
            Should.Throw<OverflowException>(() => GuestAddress.MaxValue + 1);
            Should.Throw<OverflowException>(() => GuestAddress.Zero - 1);
            Should.Throw<OverflowException>(() => GuestAddress.Zero - new GuestAddress(1));
        }

        GuestAddress.MaxValue.SaturatingAdd(1).ShouldBe(GuestAddress.MaxValue);
    }

    [Fact]
    public void Knows_its_page()
    {
        GuestAddress.PageSize.ShouldBe(1 << GuestAddress.PageShift);
        GuestAddress.PageSize.ShouldBe(4096);
        var address = new GuestAddress(0x12345678);
        address.PageNumber.ShouldBe(0x12345UL);
        address.PageOffset.ShouldBe(0x678u);
        GuestAddress.MaxValue.PageNumber.ShouldBe(0xF_FFFF_FFFF_FFFFUL);
        GuestAddress.MaxValue.PageOffset.ShouldBe(0xFFFu);
        Check(Addresses, a => GuestAddress.FromPageNumber(a.PageNumber) + a.PageOffset == a);
    }

    [Fact]
    public void A_page_number_past_the_last_page_is_refused()
    {
        const ulong Last = 0xF_FFFF_FFFF_FFFF;
        GuestAddress.FromPageNumber(Last).Value.ShouldBe(0xFFFF_FFFF_FFFF_F000UL);
        GuestAddress.TryFromPageNumber(Last, out GuestAddress last).ShouldBeTrue();
        last.Value.ShouldBe(0xFFFF_FFFF_FFFF_F000UL);

        foreach (ulong gpn in new[] { Last + 1, Max })
        {
            GuestAddress.TryFromPageNumber(gpn, out GuestAddress none).ShouldBeFalse();
            none.ShouldBe(GuestAddress.Zero);
            Should.Throw<ArgumentOutOfRangeException>(() => GuestAddress.FromPageNumber(gpn))
                .Message.ShouldContain($"Invalid guest page number 0x{gpn:x}");
        }
    }

    [Fact]
    public void Compares_like_its_value() => Check(Numbers, (a, b) =>
    {
        GuestAddress x = a;
        GuestAddress y = b;
        return (x == y) == (a == b) && (x != y) == (a != b)
            && (x < y) == (a < b) && (x > y) == (a > b) && (x <= y) == (a <= b) && (x >= y) == (a >= b)
            && x.Equals(y) == (a == b) && x.Equals((object)y) == (a == b)
            && Math.Sign(x.CompareTo(y)) == Math.Sign(a.CompareTo(b))
            && Math.Sign(x.CompareTo((object)y)) == Math.Sign(a.CompareTo(b))
            && x.GetHashCode() == new GuestAddress(a).GetHashCode();
    });

    [Fact]
    public void Compares_with_addresses_alone()
    {
        var address = new GuestAddress(1);
        address.Equals("0x1").ShouldBeFalse();
        address.Equals(null).ShouldBeFalse();
        address.CompareTo(null).ShouldBe(1);
        Should.Throw<ArgumentException>(() => address.CompareTo((object)1UL)).ParamName.ShouldBe("obj");
    }

    private static bool Overflows<T>(Func<T> action)
    {
        try
        {
            action();
            return false;
        }
        catch (OverflowException)
        {
            return true;
        }
    }

    [Theory]
    [InlineData(0x1000UL, -0x1000L, 0UL)]
    [InlineData(0UL, long.MaxValue, 0x7fff_ffff_ffff_ffffUL)]
    [InlineData(ulong.MaxValue, long.MinValue, 0x7fff_ffff_ffff_ffffUL)]
    [InlineData(17UL, 0L, 17UL)]
    public void Moves_by_signed_distances(ulong from, long by, ulong to)
    {
        (new GuestAddress(from) + by).Value.ShouldBe(to);
        (new GuestAddress(to) - by).Value.ShouldBe(from);
        int less = -3;
        (new GuestAddress(10) + less).Value.ShouldBe(7UL);
        (new GuestAddress(10) + 3).Value.ShouldBe(13UL);
    }

    [Fact]
    public void Signed_distances_do_not_wrap()
    {
        Should.Throw<OverflowException>(() => new GuestAddress(5) + -6L);
        Should.Throw<OverflowException>(() => new GuestAddress(5) - 6L);
        Should.Throw<OverflowException>(() => GuestAddress.MaxValue + 1L);
        Should.Throw<OverflowException>(() => GuestAddress.MaxValue - -1L);
        Should.Throw<OverflowException>(() => new GuestAddress(1UL << 62) + long.MinValue);
    }

    [Fact]
    public void Generic_code_computes_with_addresses()
    {
        Sum<GuestAddress, ulong>(0x1000, 8).ShouldBe(new GuestAddress(0x1008));
        Sum<GuestAddress, long>(0x1000, -8).ShouldBe(new GuestAddress(0xff8));
        Highest<GuestAddress>([3, 9, 4]).ShouldBe(new GuestAddress(9));
        Highest<GuestAddress>([]).ShouldBe(GuestAddress.Zero);

        static T Sum<T, TOffset>(T value, TOffset offset)
            where T : System.Numerics.IAdditionOperators<T, TOffset, T> => value + offset;

        static T Highest<T>(ReadOnlySpan<T> values)
            where T : System.Numerics.IComparisonOperators<T, T, bool>, System.Numerics.IMinMaxValue<T>
        {
            T highest = T.MinValue;
            foreach (T value in values)
            {
                highest = value > highest ? value : highest;
            }

            return highest;
        }
    }
}
