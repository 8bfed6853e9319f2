using Hyperspan.Synchronization;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Synchronization;

/// <summary>Fences that only a race of a few nanoseconds would miss: that they are where they belong.</summary>
public class FenceTests
{
    [Fact]
    public void A_thread_says_that_it_takes_part_before_it_enters_a_section() =>
        CallOrder.ShouldBeFenced(typeof(RcuSlot), nameof(RcuSlot.Attach), before: [nameof(Volatile.Write)], after: []);

    [Fact]
    public void A_writer_advances_the_epoch_before_it_looks_who_takes_part()
    {
        // The advance is an interlocked increment, a full fence.
        CallOrder.Of(typeof(RcuEpoch), nameof(RcuEpoch.Advance)).ShouldBe([nameof(Interlocked.Increment)]);
        List<string> calls = CallOrder.Of(typeof(RcuGracePeriod), nameof(RcuGracePeriod.Begin));
        int advance = calls.IndexOf(nameof(RcuEpoch.Advance));
        int look = calls.IndexOf("AnyAttached");
        int barrier = calls.IndexOf(nameof(ProcessBarrier.Issue));
        int collect = calls.IndexOf(nameof(RcuGracePeriod.Collect));
        new[] { 0, advance + 1, look, barrier, collect }.ShouldBeInOrder(SortDirection.Ascending, string.Join(", ", calls));
    }
}
