namespace Hyperspan.Tests;

public class SmokeTests
{
    [Fact]
    public void Builds() => new GuestAddress().ShouldBe(default);
}
