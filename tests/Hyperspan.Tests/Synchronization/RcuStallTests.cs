using System.Collections.Concurrent;
using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

[Collection(RcuTests.Name)]
public sealed class RcuStallTests
{
    private readonly RcuDomain _domain = new("test");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stalled_writer_says_who_holds_it_up_with_doubling_periods(bool blocking)
    {
        using var reader = new RcuWorker("the slow one");
        using var stalls = new BlockingCollection<(object? Sender, RcuStallEventArgs Stall)>();
        _domain.Stalled += (sender, stall) => stalls.Add((sender, stall));
        _domain.StallThreshold = TimeSpan.FromMilliseconds(20);
        reader.Enter(_domain);
        Task writer = blocking ? Task.Run(() => _domain.Synchronize()) : _domain.SynchronizeAsync();

        TimeSpan atLeast = TimeSpan.FromMilliseconds(20);
        for (int i = 0; i < 4; i++)
        {
            stalls.TryTake(out (object? Sender, RcuStallEventArgs Stall) raised, RcuWorker.Patience).ShouldBeTrue();
            raised.Sender.ShouldBeSameAs(_domain);
            raised.Stall.ThreadName.ShouldBe("the slow one");
            raised.Stall.ThreadId.ShouldBe(reader.ThreadId);
            raised.Stall.Waited.ShouldBeGreaterThanOrEqualTo(atLeast);
            atLeast = raised.Stall.Waited * 2;
        }

        writer.IsCompleted.ShouldBeFalse();
        reader.Leave();
        writer.ShouldFinish();
    }

    [Fact]
    public void No_stall_is_reported_below_the_threshold_or_without_one()
    {
        using var reader = new RcuWorker();
        int stalls = 0;
        _domain.Stalled += (_, _) => Interlocked.Increment(ref stalls);
        foreach (TimeSpan threshold in new[] { TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan })
        {
            _domain.StallThreshold = threshold;
            _domain.StallThreshold.ShouldBe(threshold);
            reader.Enter(_domain);
            Task writer = _domain.SynchronizeAsync();
            writer.ShouldNotFinish();
            reader.Leave();
            writer.ShouldFinish();
        }

        stalls.ShouldBe(0);
    }

    [Fact]
    public void A_handlers_exception_reaches_the_writer()
    {
        using var reader = new RcuWorker();
        _domain.StallThreshold = TimeSpan.FromMilliseconds(1);
        _domain.Stalled += (_, _) => throw new TimeZoneNotFoundException();
        reader.Enter(_domain);
        Should.Throw<TimeZoneNotFoundException>(() => _domain.Synchronize());
    }

    [Fact]
    public void A_handler_may_synchronize_the_domain()
    {
        using var reader = new RcuWorker();
        bool nested = false;
        _domain.StallThreshold = TimeSpan.FromMilliseconds(1);
        _domain.Stalled += (_, _) =>
        {
            if (!nested)
            {
                nested = true;
                reader.Leave();
                _domain.Synchronize();
            }
        };
        reader.Enter(_domain);
        _domain.Synchronize();
        nested.ShouldBeTrue();
    }

    [Fact]
    public void Thresholds_that_make_no_sense_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => _domain.StallThreshold = TimeSpan.Zero);
        Should.Throw<ArgumentOutOfRangeException>(() => _domain.StallThreshold = TimeSpan.FromSeconds(-2));
        new RcuDomain("fresh").StallThreshold.ShouldBe(TimeSpan.FromSeconds(1));
    }
}
