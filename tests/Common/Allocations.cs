namespace Hyperspan.Tests;

/// <summary>What a piece of code allocates on its thread, counted exactly.</summary>
internal static class Allocations
{
    private const int Calls = 100;

    /// <summary>
    /// Bytes a call, after the code was warmed up. What happens once is not counted, whenever it happens: the compiler replaces code that is run, and makes what it needs, when it
    /// sees fit, on this thread too. It does not happen in each of three rounds.
    /// </summary>
    internal static long Of(Action action)
    {
        for (int i = 0; i < 2 * Calls; i++)
        {
            action();
        }

        long least = long.MaxValue;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Calls; i++)
            {
                action();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        (least % Calls).ShouldBe(0);
        return least / Calls;
    }
}
