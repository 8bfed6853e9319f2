namespace Hyperspan.VhostUser.Tests;

/// <summary>The text of a violation is built where there is one, and only there.</summary>
public class ProtocolViolationTests
{
    [Fact]
    public void A_good_message_builds_no_text()
    {
        int asked = 0;
        int number = 300;
        Allocations.Of(() => Check(number, number++, ref asked)).ShouldBe(0);
        asked.ShouldBe(0);
    }

    [Fact]
    public void A_bad_one_says_what_it_always_said()
    {
        int asked = 0;
        Should.Throw<ProtocolViolation>(() => Check(255, 256, ref asked)).Message.ShouldBe("255 (0xff) is not 256, asked 1 times");
        asked.ShouldBe(1);
        Should.Throw<ProtocolViolation>(() => ProtocolViolation.Unless(condition: false, "fixed")).Message.ShouldBe("fixed");
    }

    private static void Check(int seen, int wanted, ref int asked) =>
        ProtocolViolation.Unless(seen == wanted, $"{seen} (0x{seen:x}) is not {wanted}, asked {++asked} times");
}
