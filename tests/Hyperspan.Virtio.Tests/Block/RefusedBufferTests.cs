using Hyperspan.Translation;

namespace Hyperspan.Virtio.Tests;

/// <summary>Buffers that the guest's IOMMU refuses: the request fails, and the queue goes on while a status can be written.</summary>
public sealed class RefusedBufferTests : IDisposable
{
    private const ulong Refused = 0x50000;

    private readonly GuestMemory _target = GuestMemory.Allocate(BlockBed.MemorySize);
    private readonly MemoryDisk _disk = new(1 << 20);
    private readonly List<BlockFailure> _failures = [];

    public void Dispose()
    {
        _target.Dispose();
        _disk.Dispose();
    }

    [Theory]
    [InlineData(BlockRequestType.Read, false, false)]
    [InlineData(BlockRequestType.Read, true, false)]
    [InlineData(BlockRequestType.Read, false, true)]
    [InlineData(BlockRequestType.Write, false, false)]
    [InlineData(BlockRequestType.Write, true, true)]
    public void Fail_their_request_alone(BlockRequestType type, bool last, bool stops)
    {
        using BlockBed bed = Bed(stops);
        ChainSegment[] data = last ? [new(BlockBed.Data, 4096), new(Refused - 512, 1024)] : [new(Refused, 4096), new(BlockBed.Data, 512)];
        BlockCompletion failed = type == BlockRequestType.Read ? bed.Run(type, 0, [], data) : bed.Run(type, 0, data, []);
        failed.Status.ShouldBe(BlockStatus.IoError);
        _failures.ShouldBe([new BlockFailure(type, BlockStatus.IoError, 14)]);
        bed.DeviceQueue.IsBroken.ShouldBeFalse();
        bed.Driver.Read(0, BlockBed.Data, 4096).ShouldBe(BlockStatus.Ok);
    }

    [Theory]
    [InlineData(BlockRequestType.Discard, true)]
    [InlineData(BlockRequestType.WriteZeroes, true)]
    [InlineData(BlockRequestType.GetId, false)]
    public void Of_other_requests_do_the_same(BlockRequestType type, bool isRead)
    {
        using BlockBed bed = Bed();
        ChainSegment[] data = [new(Refused, isRead ? 16U : 20)];
        (isRead ? bed.Run(type, 0, data, []) : bed.Run(type, 0, [], data)).Status.ShouldBe(BlockStatus.IoError);
        bed.DeviceQueue.IsBroken.ShouldBeFalse();
    }

    [Fact]
    public void With_the_header_fail_the_request()
    {
        using BlockBed bed = Bed();
        bed.Raw([new(Refused, 16)], [new(BlockBed.Data, 513)]).ShouldNotBeNull().Written.ShouldBe(1U);
        _target.ReadByte(BlockBed.Data + 512).ShouldBe((byte)BlockStatus.IoError);
    }

    [Fact]
    public void With_the_status_break_the_queue()
    {
        using BlockBed bed = Bed();
        bed.Header(BlockBed.Data, (uint)BlockRequestType.Read, 0);
        bed.Raw([new(BlockBed.Data, 16)], [new(BlockBed.Data + 512, 512), new(Refused, 1)]).ShouldBeNull();
        bed.Last.Error!.Value.Kind.ShouldBe(VirtQueueErrorKind.BufferFault);
        bed.Last.MemoryFault!.Value.Cause.ShouldBe(FaultCause.Translation);
    }

    /// <summary>A disk; one that stops for what its image fails, where that is said, which this is not.</summary>
    private BlockBed Bed(bool stops = false)
    {
        DiskErrorPolicy policy = stops ? DiskErrorPolicy.Stop : DiskErrorPolicy.Report;
        return new BlockBed(
            _disk,
            new VirtioBlockOptions { OnFailure = _failures.Add, ReadErrors = policy, WriteErrors = policy },
            memory: new TranslatedMemory(_target, new OneRefused()).Memory,
            overlaps: stops);
    }

    private sealed class OneRefused : IAddressTranslator
    {
        public bool TryTranslate(ulong address, out AddressTranslation translation)
        {
            ulong page = address & ~0xfffUL;
            translation = new AddressTranslation(page, page, 4096, Protection.ReadWrite);
            return page != Refused && page < BlockBed.MemorySize;
        }
    }
}
