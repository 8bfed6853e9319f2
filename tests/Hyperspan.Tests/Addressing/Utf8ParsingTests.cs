using System.Text;

namespace Hyperspan.Tests.Addressing;

/// <summary>What is parsed from UTF-16 is parsed from UTF-8 alike, and refused alike.</summary>
public class Utf8ParsingTests
{
    [Theory]
    [InlineData("0x1000")]
    [InlineData("18446744073709551615")]
    [InlineData("0x1000-0x2000")]
    [InlineData("rw-")]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("0x1000 ")]
    [InlineData("0x10\u00e900")]
    [InlineData("\u0660")]
    [InlineData("18446744073709551616")]
    [InlineData("0x2000-0x1000")]
    [InlineData("rwxx")]
    public void As_utf_16(string text)
    {
        Check<GuestAddress>(text);
        Check<GuestRange>(text);
        Check<Protection>(text);
    }

    [Fact]
    public void Texts_may_be_long_and_bytes_no_text()
    {
        GuestAddress.Parse(Encoding.UTF8.GetBytes(new string('0', 1000) + "42"), null).ShouldBe(new GuestAddress(42));
        GuestAddress.TryParse([0x31, 0xff], null, out _).ShouldBeFalse();
        GuestAddress.TryParse([0x31, 0], null, out _).ShouldBeFalse();
        Should.Throw<FormatException>(() => GuestRange.Parse("0x1-"u8, null)).Message.ShouldContain("'0x1-'");
    }

    private static void Check<T>(string text)
        where T : struct, ISpanParsable<T>, IUtf8SpanParsable<T>
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        bool parsed = T.TryParse(text, null, out T expected);
        T.TryParse(utf8, null, out T result).ShouldBe(parsed);
        result.ShouldBe(expected);
        if (parsed)
        {
            T.Parse(utf8, null).ShouldBe(expected);
        }
        else
        {
            Should.Throw<FormatException>(() => T.Parse(utf8, null));
        }
    }
}
