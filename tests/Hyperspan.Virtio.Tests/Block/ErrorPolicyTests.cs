namespace Hyperspan.Virtio.Tests;

/// <summary>What becomes of requests that the image failed: told, ignored, or held until the device goes on.</summary>
public sealed class ErrorPolicyTests : IDisposable
{
    private const int Size = 1 << 20;
    private const int InputOutput = 5;
    private const int NoSpace = 28;
    private const ulong Value = 0x1122_3344_5566_7788;

    private readonly MemoryDisk _disk = new(Size);
    private readonly List<BlockFailure> _failures = [];
    private readonly List<BlockFailure> _stops = [];

    public void Dispose() => _disk.Dispose();

    [Fact]
    public void A_failure_is_told_unless_something_else_is_said()
    {
        using BlockBed bed = Create();
        _disk.FailWith = NoSpace;
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Device.IsStopped.ShouldBeFalse();
        bed.Device.Resume().ShouldBeFalse();
        _stops.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_ignored_succeeds_for_the_driver_and_is_counted_all_the_same()
    {
        using BlockBed bed = Create(reads: DiskErrorPolicy.Ignore, writes: DiskErrorPolicy.Ignore);
        _disk.FailWith = InputOutput;
        bed.Memory.Write(BlockBed.Data, Value);
        Submit(bed, BlockRequestType.Read, 1024);
        BlockCompletion read = bed.WaitForCompletion();
        (read.Status, read.Written).ShouldBe((BlockStatus.Ok, 1025u));

        // Whatever the buffer held.
        bed.Memory.Read<ulong>(BlockBed.Data).ShouldBe(Value);
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
        bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
        _failures.Select(failure => (failure.Type, failure.ErrorNumber))
            .ShouldBe([(BlockRequestType.Read, InputOutput), (BlockRequestType.Write, InputOutput), (BlockRequestType.Flush, InputOutput)]);

        // What is wrong with the request itself is told.
        bed.Driver.Read(Size / 512, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
    }

    [Fact]
    public void A_device_that_stops_answers_nothing_and_takes_nothing_until_it_goes_on_and_then_has_done_all()
    {
        using BlockBed bed = Create(writes: DiskErrorPolicy.Stop);
        bed.Memory.Write(BlockBed.Data, Value);
        _disk.FailWith = InputOutput;
        Submit(bed, BlockRequestType.Write, 512);
        Submit(bed, BlockRequestType.Read, 512);
        bed.Kick();
        bed.Driver.TryComplete(out _).ShouldBeFalse();
        bed.Device.IsStopped.ShouldBeTrue();
        Handler(bed).InFlight.ShouldBe(1, "the read is still in the ring");
        Handler(bed).DescribeInFlight(TimeSpan.Zero, 1)[0].ShouldStartWith("write of 512 bytes at 0, held for a failure");
        BlockFailure stop = _stops.ShouldHaveSingleItem();
        (stop.Type, stop.Status, stop.ErrorNumber).ShouldBe((BlockRequestType.Write, BlockStatus.IoError, InputOutput));

        // It fails once more, and stops once more.
        bed.Device.Resume().ShouldBeTrue();
        Handler(bed).Wait(null, null, 0).ShouldBe(QueueWake.Completion);
        bed.Kick();
        bed.Driver.TryComplete(out _).ShouldBeFalse();
        bed.Device.IsStopped.ShouldBeTrue();
        _stops.Count.ShouldBe(2);

        _disk.FailWith = 0;
        bed.Device.Resume().ShouldBeTrue();
        bed.Device.IsStopped.ShouldBeFalse();
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
        BitConverter.ToUInt64(_disk.Bytes).ShouldBe(Value);
        bed.Device.Resume().ShouldBeFalse();
        _failures.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(BlockRequestType.Discard)]
    [InlineData(BlockRequestType.WriteZeroes)]
    public void Discards_and_zeros_are_held_and_done_later_as_they_were_asked_for(BlockRequestType type)
    {
        using BlockBed bed = Create(writes: DiskErrorPolicy.Stop);
        _disk.Bytes.AsSpan().Fill(0x55);
        _disk.FailWith = InputOutput;
        bed.Range(BlockBed.Data, 8, 16, 0);
        bed.Driver.TrySubmit(type, 0, [new ChainSegment(BlockBed.Data, 16)], [], out _).ShouldBeTrue();
        bed.Kick();
        while (!bed.Device.IsStopped)
        {
            Handler(bed).Wait(null, null, 60_000).ShouldBe(QueueWake.Completion);
            bed.Kick();
        }

        // What the guest makes of its buffer meanwhile changes nothing.
        bed.Range(BlockBed.Data, 0, 2048, 0);
        _disk.FailWith = 0;
        _disk.Discards.Clear();
        bed.Device.Resume().ShouldBeTrue();
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
        if (type == BlockRequestType.Discard)
        {
            _disk.Discards.ShouldBe([(8UL * 512, 16UL * 512)]);
        }
        else
        {
            _disk.Bytes[(8 * 512)..(24 * 512)].ShouldAllBe(value => value == 0);
            (_disk.Bytes[(8 * 512) - 1], _disk.Bytes[24 * 512]).ShouldBe(((byte)0x55, (byte)0x55));
        }
    }

    [Fact]
    public void Full_is_one_reason_to_stop_and_a_flush_that_failed_is_none()
    {
        using BlockBed bed = Create(reads: DiskErrorPolicy.Stop, writes: DiskErrorPolicy.StopWhenFull);
        _disk.FailWith = InputOutput;
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        _disk.FailWith = NoSpace;
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        bed.Device.IsStopped.ShouldBeFalse();
        Submit(bed, BlockRequestType.Write, 512);
        bed.Kick();
        bed.Device.IsStopped.ShouldBeTrue();
        _disk.FailWith = 0;
        bed.Device.Resume();
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
    }

    [Fact]
    public void A_queue_that_stops_tells_of_what_it_held_and_the_others_go_on()
    {
        using var device = new VirtioBlockDevice(_disk, Options(DiskErrorPolicy.Stop, DiskErrorPolicy.Stop, queues: 2));
        using var first = new BlockBed(device, overlaps: true);
        using var second = new BlockBed(device, overlaps: true);
        _disk.FailWith = InputOutput;
        Submit(first, BlockRequestType.Read, 512);
        first.Kick();
        _disk.FailWith = 0;
        Submit(second, BlockRequestType.Read, 512);
        second.Kick();
        second.Driver.TryComplete(out _).ShouldBeFalse();

        // As a transport drains it.
        Handler(first).CancelRequests();
        first.Handler.Process(first.DeviceQueue, new CancellationToken(canceled: true));
        Handler(first).InFlight.ShouldBe(0);
        first.Driver.TryComplete(out BlockCompletion completion).ShouldBeTrue();
        completion.Status.ShouldBe(BlockStatus.IoError);
        _failures.Count.ShouldBe(1, "it is told once");
        device.IsStopped.ShouldBeFalse();
        Handler(second).Wait(null, null, 0).ShouldBe(QueueWake.Completion);
        second.Kick();
        second.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);

        // One that goes on after that stops for a failure as before.
        _disk.FailWith = InputOutput;
        Submit(first, BlockRequestType.Read, 512);
        first.Kick();
        device.IsStopped.ShouldBeTrue();

        // One that is disposed takes its stop with it.
        first.Handler.Dispose();
        device.IsStopped.ShouldBeFalse();
    }

    [Fact]
    public void What_comes_back_failed_while_its_queue_stops_is_told()
    {
        using BlockBed bed = Create(writes: DiskErrorPolicy.Stop);
        bed.Range(BlockBed.Data, 8, 16, 0);
        _disk.FailWith = InputOutput;
        bed.Driver.TrySubmit(BlockRequestType.WriteZeroes, 0, [new ChainSegment(BlockBed.Data, 16)], [], out _).ShouldBeTrue();
        bed.Kick();
        Handler(bed).CancelRequests();
        while (Handler(bed).InFlight != 0)
        {
            Handler(bed).Wait(null, null, 60_000).ShouldBe(QueueWake.Completion);
            bed.Handler.Process(bed.DeviceQueue, new CancellationToken(canceled: true));
        }

        bed.Driver.TryComplete(out BlockCompletion completion).ShouldBeTrue();
        completion.Status.ShouldBe(BlockStatus.IoError);
        bed.Device.IsStopped.ShouldBeFalse();
    }

    [Fact]
    public void Who_waits_for_each_request_is_told()
    {
        using var bed = new BlockBed(_disk, Options(DiskErrorPolicy.Stop, DiskErrorPolicy.Stop), overlaps: false);
        _disk.FailWith = InputOutput;
        bed.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Device.IsStopped.ShouldBeFalse();
    }

    private static IOverlappedQueueHandler Handler(BlockBed bed) => (IOverlappedQueueHandler)bed.Handler;

    private static void Submit(BlockBed bed, BlockRequestType type, uint bytes)
    {
        ChainSegment[] data = [new ChainSegment(BlockBed.Data, bytes)];
        bool isWrite = type == BlockRequestType.Write;
        bed.Driver.TrySubmit(type, 0, isWrite ? data : [], isWrite ? [] : data, out _).ShouldBeTrue();
        if (!isWrite)
        {
            bed.Kick();
        }
    }

    private BlockBed Create(DiskErrorPolicy reads = DiskErrorPolicy.Report, DiskErrorPolicy writes = DiskErrorPolicy.Report) => new(_disk, Options(reads, writes), overlaps: true);

    private VirtioBlockOptions Options(DiskErrorPolicy reads, DiskErrorPolicy writes, int queues = 1) => new()
    {
        QueueCount = queues,
        ReadErrors = reads,
        WriteErrors = writes,
        OnFailure = _failures.Add,
        OnStopped = _stops.Add,
    };
}
