using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

internal static class GuardedResultAssertions
{
    public static void ShouldSatisfy(this GuardedResult result, ulong value, ulong status)
    {
        result.Status.ShouldBe(status);
        result.Value.ShouldBe(value);
    }
}
