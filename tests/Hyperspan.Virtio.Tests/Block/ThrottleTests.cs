using Microsoft.Extensions.Time.Testing;

namespace Hyperspan.Virtio.Tests;

/// <summary>A disk that may do so much a second: what has to wait stays in the ring, and goes on by itself.</summary>
public sealed class ThrottleTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly FakeTimeProvider _clock = new();
    private readonly MemoryDisk _disk = new(Size);

    public void Dispose() => _disk.Dispose();

    [Fact]
    public void Requests_beyond_the_limit_stay_in_the_ring_and_are_taken_one_by_one_as_time_goes_by()
    {
        // One every 100 ms, and no more saved up than that.
        using BlockBed bed = Create(new DiskThrottle { RequestsPerSecond = 10 });
        Submit(bed, 4);
        Completed(bed).ShouldBe(1);
        InFlight(bed).ShouldBe(0);

        // A kick changes nothing.
        bed.Kick();
        Completed(bed).ShouldBe(0);
        for (int i = 0; i < 3; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(99));
            IsWoken(bed).ShouldBeFalse();
            _clock.Advance(TimeSpan.FromMilliseconds(2));
            IsWoken(bed).ShouldBeTrue();
            bed.Kick();
            Completed(bed).ShouldBe(1);
        }
    }

    [Fact]
    public void What_was_not_used_is_saved_up_for_as_long_as_was_said_and_no_longer()
    {
        using BlockBed bed = Create(new DiskThrottle { RequestsPerSecond = 10, Burst = TimeSpan.FromSeconds(1) });
        Submit(bed, 20);
        Completed(bed).ShouldBe(10);
        _clock.Advance(TimeSpan.FromMinutes(1));
        bed.Kick();
        Completed(bed).ShouldBe(10);
        Submit(bed, 20);
        Completed(bed).ShouldBe(0);
        _clock.Advance(TimeSpan.FromMilliseconds(500));
        bed.Kick();
        Completed(bed).ShouldBe(5);
    }

    [Fact]
    public void Bytes_are_counted_and_one_request_may_overdraw_which_is_waited_for()
    {
        using BlockBed bed = Create(new DiskThrottle { BytesPerSecond = 4096, Burst = TimeSpan.FromSeconds(1) });
        Submit(bed, 3, bytes: 16384);
        Completed(bed).ShouldBe(1);

        // It owes three seconds.
        _clock.Advance(TimeSpan.FromSeconds(2.9));
        bed.Kick();
        Completed(bed).ShouldBe(0);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        bed.Kick();
        Completed(bed).ShouldBe(1);
        _clock.Advance(TimeSpan.FromSeconds(4));
        bed.Kick();
        Completed(bed).ShouldBe(1);
    }

    [Fact]
    public void The_queues_of_a_disk_share_its_limit()
    {
        using var device = new VirtioBlockDevice(
            _disk, new VirtioBlockOptions { QueueCount = 2, Throttle = new DiskThrottle { RequestsPerSecond = 10, Burst = TimeSpan.FromSeconds(1) }, Clock = _clock });
        using var first = new BlockBed(device, overlaps: true);
        using var second = new BlockBed(device, overlaps: true);
        Submit(first, 8);
        Submit(second, 8);
        Completed(first).ShouldBe(8);
        Completed(second).ShouldBe(2);

        // One that waits keeps nothing from one that has gone.
        second.Handler.Dispose();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Submit(first, 8);
        Completed(first).ShouldBe(8);
    }

    [Fact]
    public void What_does_not_reach_the_disk_is_free_and_flushes_discards_and_zeros_count_as_one_each()
    {
        using BlockBed bed = Create(new DiskThrottle { RequestsPerSecond = 10, BytesPerSecond = 1, Burst = TimeSpan.FromSeconds(0.3) });
        for (int i = 0; i < 5; i++)
        {
            bed.Driver.Read(Size / 512, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
            bed.Driver.GetId(BlockBed.Data, out _).ShouldBe(BlockStatus.Ok);
        }

        bed.Range(BlockBed.Data, 0, 8, 0);
        Submit(bed, BlockRequestType.Discard, [new ChainSegment(BlockBed.Data, 16)]);
        Submit(bed, BlockRequestType.WriteZeroes, [new ChainSegment(BlockBed.Data, 16)]);
        Submit(bed, BlockRequestType.Flush, []);
        Submit(bed, BlockRequestType.Flush, []);
        bed.Kick();
        CompletedInTheEnd(bed, 3);
        InFlight(bed).ShouldBe(0);
        _clock.Advance(TimeSpan.FromSeconds(0.11));
        bed.Kick();
        CompletedInTheEnd(bed, 1);
    }

    [Fact]
    public void A_debt_of_centuries_is_a_debt()
    {
        using BlockBed bed = Create(new DiskThrottle { BytesPerSecond = 1, Burst = TimeSpan.FromHours(1) });
        Submit(bed, 2, bytes: 512 * 1024);
        Completed(bed).ShouldBe(1);
        _clock.Advance(TimeSpan.FromDays(5));
        bed.Kick();
        Completed(bed).ShouldBe(0);
        _clock.Advance(TimeSpan.FromDays(2));
        bed.Kick();
        Completed(bed).ShouldBe(1);
    }

    [Fact]
    public void Limits_out_of_range_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => new DiskThrottle { RequestsPerSecond = -1 });
        Should.Throw<ArgumentOutOfRangeException>(() => new DiskThrottle { BytesPerSecond = -1 });
        Should.Throw<ArgumentOutOfRangeException>(() => new DiskThrottle { Burst = TimeSpan.Zero });
        Should.Throw<ArgumentOutOfRangeException>(() => new DiskThrottle { Burst = TimeSpan.FromHours(1.1) });
    }

    private static int InFlight(BlockBed bed) => ((IOverlappedQueueHandler)bed.Handler).InFlight;

    private static bool IsWoken(BlockBed bed) => ((IOverlappedQueueHandler)bed.Handler).Wait(null, null, 0) != QueueWake.None;

    private static void Submit(BlockBed bed, BlockRequestType type, ReadOnlySpan<ChainSegment> readable) =>
        bed.Driver.TrySubmit(type, 0, readable, [], out _).ShouldBeTrue();

    private static void Submit(BlockBed bed, int count, uint bytes = 512)
    {
        for (int i = 0; i < count; i++)
        {
            bed.Driver.TrySubmit(BlockRequestType.Read, 0, [], [new ChainSegment(BlockBed.Data, bytes)], out _).ShouldBeTrue();
        }

        bed.Kick();
    }

    private static int Completed(BlockBed bed)
    {
        int count = 0;
        while (bed.Driver.TryComplete(out BlockCompletion completion))
        {
            completion.Status.ShouldBe(BlockStatus.Ok);
            count++;
        }

        return count;
    }

    /// <summary>So many are completed and no more, some of them by other threads.</summary>
    private static void CompletedInTheEnd(BlockBed bed, int count)
    {
        for (int i = 0; i < count; i++)
        {
            bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
        }

        Completed(bed).ShouldBe(0);
    }

    private BlockBed Create(DiskThrottle throttle) => new(_disk, new VirtioBlockOptions { Throttle = throttle, Clock = _clock }, overlaps: true);
}
