using System.Globalization;
using System.Text;
using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

public class GuestAddressTextTests
{
    private static readonly string?[] Formats = [null, "", "G", "g", "x", "X", "D", "d"];

    [Theory]
    [InlineData(0x1000UL, null, "0x0000000000001000")]
    [InlineData(0x1000UL, "", "0x0000000000001000")]
    [InlineData(0x1000UL, "G", "0x0000000000001000")]
    [InlineData(0xABCDUL, "g", "0x000000000000abcd")]
    [InlineData(0UL, "x", "0x0")]
    [InlineData(0xFUL, "x", "0xf")]
    [InlineData(0x10UL, "x", "0x10")]
    [InlineData(0x1F00UL, "x", "0x1f00")]
    [InlineData(0x1F00UL, "X", "0x1F00")]
    [InlineData(0UL, "D", "0")]
    [InlineData(4096UL, "D", "4096")]
    [InlineData(ulong.MaxValue, "G", "0xffffffffffffffff")]
    [InlineData(ulong.MaxValue, "X", "0xFFFFFFFFFFFFFFFF")]
    [InlineData(ulong.MaxValue, "d", "18446744073709551615")]
    public void Prints(ulong value, string? format, string expected) =>
        new GuestAddress(value).ToString(format).ShouldBe(expected);

    [Fact]
    public void Prints_the_general_form_unless_told()
    {
        GuestAddress address = 0x1000;
        address.ToString().ShouldBe("0x0000000000001000");
        $"{address}".ShouldBe("0x0000000000001000");
        $"{address:x}".ShouldBe("0x1000");
        $"{address,8:x}|".ShouldBe("  0x1000|");
    }

    [Theory]
    [InlineData("x8")]
    [InlineData("N")]
    [InlineData(" ")]
    public void An_unknown_format_is_refused(string format)
    {
        Should.Throw<FormatException>(() => GuestAddress.Zero.ToString(format)).Message.ShouldContain($"'{format}'");
        Should.Throw<FormatException>(() => GuestAddress.Zero.TryFormat(new char[64], out _, format));
        Should.Throw<FormatException>(() => GuestAddress.Zero.TryFormat(new byte[64], out _, format));
    }

    [Theory]
    [InlineData("0x0", 0UL)]
    [InlineData("0X1f", 0x1FUL)]
    [InlineData("0xAbC", 0xABCUL)]
    [InlineData("0x0000000000001000", 0x1000UL)]
    [InlineData("0xffffffffffffffff", ulong.MaxValue)]
    [InlineData("0", 0UL)]
    [InlineData("0000010", 10UL)]
    [InlineData("4096", 4096UL)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    public void Parses(string text, ulong expected)
    {
        GuestAddress.Parse(text).Value.ShouldBe(expected);
        GuestAddress.Parse(text.AsSpan()).Value.ShouldBe(expected);
        GuestAddress.TryParse(text, out GuestAddress fromText).ShouldBeTrue();
        fromText.Value.ShouldBe(expected);
        GuestAddress.TryParse(text, provider: null, out GuestAddress fromString).ShouldBeTrue();
        fromString.Value.ShouldBe(expected);
        GuestAddress.TryParse(text.AsSpan(), provider: null, out GuestAddress fromSpan).ShouldBeTrue();
        fromSpan.Value.ShouldBe(expected);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("x10")]
    [InlineData("10h")]
    [InlineData("1f")]
    [InlineData("0xg")]
    [InlineData("0x1_000")]
    [InlineData("1_000")]
    [InlineData("1,000")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("0x-1")]
    [InlineData("0x+1")]
    [InlineData("0x0x1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("0x 1")]
    [InlineData("0x1 ")]
    [InlineData(" 0x1")]
    [InlineData("1\0")]
    [InlineData("0x1\0")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData("\u0661")]
    [InlineData("0x00000000000001000")]
    [InlineData("0x10000000000000000")]
    [InlineData("18446744073709551616")]
    public void Refuses_what_is_not_an_address(string text)
    {
        GuestAddress.TryParse(text, out GuestAddress result).ShouldBeFalse();
        result.ShouldBe(GuestAddress.Zero);
        Should.Throw<FormatException>(() => GuestAddress.Parse(text)).Message.ShouldContain("is not a guest address");
    }

    [Fact]
    public void Null_is_not_an_address()
    {
        GuestAddress.TryParse(null, provider: null, out _).ShouldBeFalse();
        Should.Throw<ArgumentNullException>(() => GuestAddress.Parse(null!));
    }

    [Fact]
    public void Every_format_parses_back() => Check(Addresses, address =>
        Formats.All(format => GuestAddress.Parse(address.ToString(format)) == address));

    [Fact]
    public void Every_format_agrees_with_that_of_the_number() => Check(Addresses, address =>
        address.ToString("x") == "0x" + address.Value.ToString("x", CultureInfo.InvariantCulture)
        && address.ToString("X") == "0x" + address.Value.ToString("X", CultureInfo.InvariantCulture)
        && address.ToString("D") == address.Value.ToString("D", CultureInfo.InvariantCulture)
        && address.ToString("G") == "0x" + address.Value.ToString("x16", CultureInfo.InvariantCulture));

    [Fact]
    public void Utf8_is_the_same_text_and_a_short_buffer_is_refused_untouched() => Check(Addresses, address =>
        Formats.All(format =>
        {
            string expected = address.ToString(format);
            byte[] utf8 = new byte[expected.Length];
            byte[] shortUtf8 = new byte[expected.Length - 1];
            char[] chars = new char[expected.Length];
            char[] shortChars = new char[expected.Length - 1];
            return address.TryFormat(utf8, out int bytes, format) && bytes == expected.Length
                && Encoding.UTF8.GetString(utf8) == expected
                && address.TryFormat(chars, out int written, format) && new string(chars, 0, written) == expected
                && !address.TryFormat(shortUtf8, out bytes, format) && bytes == 0 && Array.TrueForAll(shortUtf8, b => b == 0)
                && !address.TryFormat(shortChars, out written, format) && written == 0
                && Array.TrueForAll(shortChars, c => c == 0);
        }));

    [Fact]
    public void Formatting_and_parsing_do_not_allocate()
    {
        char[] chars = new char[32];
        byte[] utf8 = new byte[32];
        Allocations.Of(Run).ShouldBe(0);

        void Run()
        {
            foreach (string? format in Formats)
            {
                GuestAddress.MaxValue.TryFormat(chars, out int length, format);
                GuestAddress.MaxValue.TryFormat(utf8, out _, format);
                _ = GuestAddress.TryParse(chars.AsSpan(0, length), out _);
            }
        }
    }
}
