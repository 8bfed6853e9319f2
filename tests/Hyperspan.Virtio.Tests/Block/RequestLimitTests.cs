namespace Hyperspan.Virtio.Tests;

/// <summary>Limits that only large disks, and files that change, show.</summary>
public class RequestLimitTests
{
    private const ulong Range = 0x50000;

    [Theory]
    [InlineData(BlockRequestType.Discard, VirtioBlockDevice.MaxDiscardSectors)]
    [InlineData(BlockRequestType.WriteZeroes, VirtioBlockDevice.MaxWriteZeroesSectors)]
    public void A_range_may_be_as_long_as_the_configuration_says(BlockRequestType type, uint most)
    {
        using var disk = new BoundlessDisk();
        using var bed = new BlockBed(disk);
        bed.Range(Range, 8, most, 0);
        bed.Run(type, 0, [new(Range, 16)], []).Status.ShouldBe(BlockStatus.Ok);
        disk.Done.ShouldBe([(8UL * 512, most * 512UL)]);
        bed.Range(Range, 8, most + 1, 0);
        bed.Run(type, 0, [new(Range, 16)], []).Status.ShouldBe(BlockStatus.IoError);
        disk.Done.Count.ShouldBe(1);
    }

    [Fact]
    public void A_file_that_was_truncated_fails_the_requests_past_its_end()
    {
        using var file = new TemporaryFile(64 * 512);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path));
        using (FileStream other = new(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(3 * 512);
        }

        bed.Run(BlockRequestType.Read, 0, [], [new(BlockBed.Data, 3 * 512)]).Status.ShouldBe(BlockStatus.Ok);

        // It reads a part of this one, and nothing of the next.
        bed.Run(BlockRequestType.Read, 1, [], [new(BlockBed.Data, 4 * 512)]).Status.ShouldBe(BlockStatus.IoError);
        bed.Run(BlockRequestType.Read, 8, [], [new(BlockBed.Data, 512)]).Status.ShouldBe(BlockStatus.IoError);
    }

    /// <summary>A disk of a tebibyte that has nothing on it.</summary>
    private sealed class BoundlessDisk : IDiskImage
    {
        internal List<(ulong Offset, ulong Length)> Done { get; } = [];

        public ulong Length => 1UL << 40;

        public bool IsReadOnly => false;

        public IDiskChannel CreateChannel() => new Channel();

        public DiskResult Flush() => DiskResult.Success;

        public DiskResult Discard(ulong offset, ulong length)
        {
            Done.Add((offset, length));
            return DiskResult.Success;
        }

        public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap) => Discard(offset, length);

        public void Dispose()
        {
        }

        private sealed class Channel : IDiskChannel
        {
            public bool TryTransfer(DiskTransfer transfer, out DiskResult result)
            {
                result = DiskResult.Success;
                return true;
            }

            public void Dispose()
            {
            }
        }
    }
}
