namespace Hyperspan.Virtio.Tests;

/// <summary>After a flush that failed nothing is called durable, by whatever way it is asked for.</summary>
public sealed class FlushFailureTests
{
    private const ulong WithoutFlush = ~(VirtioBlockFeatures.Flush | VirtioBlockFeatures.ConfigWriteback);

    private readonly MemoryDisk _disk = new(1 << 20);
    private readonly List<BlockFailure> _failures = [];

    [Theory]
    [InlineData(5)]
    [InlineData(28)]
    [InlineData(122)]
    public void A_failed_flush_is_remembered_for_every_later_one(int errno)
    {
        using BlockBed bed = Create();
        FailOnce(bed, errno);
        for (int i = 0; i < 3; i++)
        {
            bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
            bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        }

        _failures.ShouldAllBe(failure => failure == new BlockFailure(BlockRequestType.Flush, BlockStatus.IoError, errno));
        _failures.Count.ShouldBe(4);
    }

    [Fact]
    public void An_image_that_throws_from_a_flush_is_not_believed_again()
    {
        using BlockBed bed = Create();
        _disk.Throw = new InvalidOperationException("lost");
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        _disk.Throw = null;
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
    }

    [Fact]
    public void A_driver_of_another_queue_is_not_told_otherwise()
    {
        using BlockBed bed = Create();
        FailOnce(bed, 5);
        using IVirtioQueueHandler other = bed.Device.CreateQueueHandler(0, bed.Device.OfferedFeatures & WithoutFlush);
        bed.Driver.TrySubmit(BlockRequestType.Write, 0, [new(BlockBed.Data, 512)], [], out _).ShouldBeTrue();
        other.Process(bed.DeviceQueue, CancellationToken.None).Requests.ShouldBe(1U);
        bed.Driver.TryComplete(out BlockCompletion written).ShouldBeTrue();
        written.Status.ShouldBe(BlockStatus.IoError);
    }

    [Fact]
    public void The_cache_is_not_called_off_after_it()
    {
        using BlockBed bed = Create();
        FailOnce(bed, 5);
        bed.Device.TryWriteConfig(32, [0]).ShouldBeFalse();
        bed.Device.TryWriteConfig(32, [0]).ShouldBeFalse();
        var writeback = new byte[1];
        bed.Device.ReadConfig(32, writeback);
        writeback[0].ShouldBe((byte)1);
        bed.Device.TryWriteConfig(32, [1]).ShouldBeTrue();
    }

    [Fact]
    public void A_cache_that_cannot_be_flushed_stays_on_and_is_not_forgotten()
    {
        using BlockBed bed = Create();
        _disk.FailWith = 28;
        bed.Device.TryWriteConfig(32, [0]).ShouldBeFalse();
        _disk.FailWith = 0;
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
    }

    [Fact]
    public void Writing_through_fails_after_it()
    {
        using BlockBed bed = Create(WithoutFlush);
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
        bed.Device.TryWriteConfig(32, [1]).ShouldBeTrue();
        _disk.FailWith = 28;
        bed.Device.TryWriteConfig(32, [0]).ShouldBeFalse();
        _disk.FailWith = 0;
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.WriteZeroes(0, 1, unmap: false).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
    }

    [Fact]
    public void Each_failed_request_is_reported_with_its_kind_and_errno()
    {
        using BlockBed bed = Create();
        _disk.FailWith = 5;
        bed.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        _disk.FailWith = 28;
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        _disk.FailWith = 0;
        bed.Driver.Read(1 << 30, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        _failures.ShouldBe(
        [
            new BlockFailure(BlockRequestType.Read, BlockStatus.IoError, 5),
            new BlockFailure(BlockRequestType.Write, BlockStatus.IoError, 28),
            new BlockFailure(BlockRequestType.Read, BlockStatus.IoError, 0),
        ]);
    }

    private BlockBed Create(ulong accept = BlockBed.All) => new(_disk, new VirtioBlockOptions { OnFailure = _failures.Add }, accept: accept);

    private void FailOnce(BlockBed bed, int errno)
    {
        _disk.FailWith = errno;
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        _disk.FailWith = 0;
    }
}
