namespace Hyperspan.Virtio.Tests;

/// <summary>A request that is served, or refused, allocates nothing.</summary>
public class AllocationTests
{
    [Fact]
    public void Requests_do_not_allocate()
    {
        using var file = new TemporaryFile(1 << 20);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path), indirect: true);
        ChainSegment[] buffers = [new(BlockBed.Data, 2048), new(BlockBed.Data + 0x8000, 2048)];
        bed.Range(BlockBed.Data + 0x10000, 8, 8, 0);
        ChainSegment[] range = [new(BlockBed.Data + 0x10000, 16)];

        Allocations.Of(Round).ShouldBe(0);

        void Round()
        {
            bed.Driver.TrySubmitWrite(4, buffers, out _);
            bed.Driver.TrySubmitRead(4, buffers, out _);
            bed.Driver.TrySubmitRead(1 << 20, buffers, out _);
            bed.Driver.TrySubmit(BlockRequestType.Discard, 0, range, [], out _);
            bed.Driver.TrySubmit(BlockRequestType.WriteZeroes, 0, range, [], out _);
            bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out _);
            bed.Kick();
            int collected = 0;
            while (bed.Driver.TryComplete(out _))
            {
                collected++;
            }

            if (collected != 6)
            {
                throw new InvalidOperationException("not all requests were served");
            }
        }
    }

    [Fact]
    public void Broken_rings_do_not_allocate()
    {
        using var bed = new QueueBed();
        bed.Describe(0, QueueBed.MemorySize, 1);
        Allocations.Of(Break).ShouldBe(0);

        void Break()
        {
            bed.Memory.WriteUInt16LittleEndian(bed.AvailableIndex, 1);
            bool taken = bed.Queue.TryTake(bed.Chain);
            bed.Queue.Reset();
            if (taken)
            {
                throw new InvalidOperationException("a buffer outside memory was taken");
            }
        }
    }
}
