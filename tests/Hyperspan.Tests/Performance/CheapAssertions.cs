namespace Hyperspan.Tests.Performance;

/// <summary>Assertions that allocate only when they fail.</summary>
internal static class CheapAssertions
{
    internal static void ShouldBeCheap(this bool actual, bool expected)
    {
        if (actual != expected)
        {
            throw new InvalidOperationException($"{actual}, not {expected}");
        }
    }

    internal static void ShouldBeCheap(this ulong actual, ulong expected)
    {
        if (actual != expected)
        {
            throw new InvalidOperationException($"{actual}, not {expected}");
        }
    }
}
