using System.Text;
using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

public class ProtectionTests
{
    public static TheoryData<Protection, bool, bool, bool, string> Named => new()
    {
        { Protection.None, false, false, false, "---" },
        { Protection.Read, true, false, false, "r--" },
        { Protection.ReadWrite, true, true, false, "rw-" },
        { Protection.ReadExecute, true, false, true, "r-x" },
        { Protection.ReadWriteExecute, true, true, true, "rwx" },
    };

    [Theory]
    [MemberData(nameof(Named))]
    public void Named_protections_allow_what_they_say(Protection protection, bool read, bool write, bool execute, string text)
    {
        protection.CanRead.ShouldBe(read);
        protection.CanWrite.ShouldBe(write);
        protection.CanExecute.ShouldBe(execute);
        protection.ShouldBe(new Protection(read, write, execute));
        protection.ToString().ShouldBe(text);
        $"{protection:G}".ShouldBe(text);
    }

    [Fact]
    public void The_default_allows_nothing() => default(Protection).ShouldBe(Protection.None);

    [Fact]
    public void A_copy_may_differ_in_one_permission()
    {
        Protection protection = Protection.ReadExecute with { CanWrite = true };
        protection.ShouldBe(Protection.ReadWriteExecute);
        (protection != Protection.ReadExecute).ShouldBeTrue();
    }

    [Fact]
    public void Parses_back_in_characters_and_utf8() => Check(Protections, protection =>
    {
        string text = protection.ToString();
        byte[] utf8 = new byte[3];
        return Protection.Parse(text) == protection
            && Protection.TryParse(text, out Protection a) && a == protection
            && Protection.TryParse(text, provider: null, out Protection b) && b == protection
            && protection.TryFormat(utf8, out int bytes) && bytes == 3 && Encoding.UTF8.GetString(utf8) == text
            && !protection.TryFormat(new byte[2], out bytes) && bytes == 0
            && !protection.TryFormat(new char[2], out int chars) && chars == 0;
    });

    [Theory]
    [InlineData("")]
    [InlineData("rw")]
    [InlineData("rwxp")]
    [InlineData("wr-")]
    [InlineData("RWX")]
    [InlineData("r w")]
    public void Refuses_what_is_not_a_protection(string text)
    {
        Protection.TryParse(text, out Protection result).ShouldBeFalse();
        result.ShouldBe(default);
        Should.Throw<FormatException>(() => Protection.Parse(text)).Message.ShouldContain($"'{text}' is not a protection");
    }

    [Fact]
    public void Refuses_null_and_unknown_formats()
    {
        Protection.TryParse(null, provider: null, out _).ShouldBeFalse();
        Should.Throw<ArgumentNullException>(() => Protection.Parse(null!));
        Should.Throw<FormatException>(() => Protection.Read.ToString("x"));
    }
}
