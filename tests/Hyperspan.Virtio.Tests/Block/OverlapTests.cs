namespace Hyperspan.Virtio.Tests;

/// <summary>Block requests in flight together: real files, through the page cache and past it, by io_uring and by threads; and what a flush covers.</summary>
public sealed class OverlapTests
{
    private const int Sectors = 2048;

    [LinuxTheory]
    [InlineData(DiskCache.Writeback, false)]
    [InlineData(DiskCache.None, false)]
    [InlineData(DiskCache.DirectSync, false)]
    [InlineData(DiskCache.Writeback, true)]
    [InlineData(DiskCache.None, true)]
    public void A_disk_is_an_array_whatever_is_in_flight(DiskCache cache, bool isMisaligned)
    {
        using var file = new TemporaryFile(Sectors * 512);
        var expected = new byte[Sectors * 512];
        var random = new Random(7);
        random.NextBytes(expected);
        File.WriteAllBytes(file.Path, expected);
        using (RawDiskImage image = Open(file.Path, cache))
        using (var bed = new BlockBed(image, overlaps: true))
        {
            for (int round = 0; round < 60; round++)
            {
                // Requests that touch no sector of each other: the order of the others is nobody's business.
                var submitted = new Dictionary<ushort, (BlockRequestType Type, int Sector, int Count, ulong At)>();
                for (int i = 0; i < 12; i++)
                {
                    int sector = (i * 160) + random.Next(0, 80);
                    int count = random.Next(1, 33);
                    ulong at = BlockBed.Data + ((ulong)i * 0x8000) + (isMisaligned ? 1UL : 0);
                    BlockRequestType type = random.Next(2) == 0 ? BlockRequestType.Read : BlockRequestType.Write;
                    ChainSegment[] buffers = isMisaligned
                        ? [new(at, 100), new(at + 100, (uint)(count * 512) - 100)]
                        : [new(at, (uint)count * 512)];
                    ushort token;
                    if (type == BlockRequestType.Write)
                    {
                        random.NextBytes(expected.AsSpan(sector * 512, count * 512));
                        bed.Memory.Write(at, expected.AsSpan(sector * 512, count * 512));
                        bed.Driver.TrySubmitWrite((ulong)sector, buffers, out token).ShouldBeTrue();
                    }
                    else
                    {
                        bed.Driver.TrySubmitRead((ulong)sector, buffers, out token).ShouldBeTrue();
                    }

                    submitted.Add(token, (type, sector, count, at));
                }

                bed.Kick();
                while (submitted.Count != 0)
                {
                    BlockCompletion completion = bed.WaitForCompletion();
                    completion.Status.ShouldBe(BlockStatus.Ok);
                    submitted.Remove(completion.Token, out (BlockRequestType Type, int Sector, int Count, ulong At) request).ShouldBeTrue();
                    if (request.Type == BlockRequestType.Read)
                    {
                        var read = new byte[request.Count * 512];
                        bed.Memory.Read(request.At, read);
                        read.AsSpan().SequenceEqual(expected.AsSpan(request.Sector * 512, read.Length)).ShouldBeTrue($"round {round}, sector {request.Sector}");
                    }
                }
            }
        }

        File.ReadAllBytes(file.Path).AsSpan().SequenceEqual(expected).ShouldBeTrue();
    }

    [LinuxFact]
    public void Reads_that_the_page_cache_does_not_have_are_in_flight_together()
    {
        using var file = new TemporaryFile(Sectors * 512);
        using RawDiskImage image = Open(file.Path, DiskCache.None);
        using var bed = new BlockBed(image, overlaps: true);
        for (int i = 0; i < 8; i++)
        {
            bed.Driver.TrySubmitRead((ulong)(i * 8), [new(BlockBed.Data + ((ulong)i * 0x1000), 4096)], out _).ShouldBeTrue();
        }

        bed.Handler.Process(bed.DeviceQueue, CancellationToken.None);
        var handler = (IOverlappedQueueHandler)bed.Handler;
        handler.DescribeInFlight(TimeSpan.Zero, 10).ShouldAllBe(line => line.StartsWith("read of 4096 bytes at "));
        for (int i = 0; i < 8; i++)
        {
            bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
        }

        handler.InFlight.ShouldBe(0);
        handler.Rest();
    }

    [LinuxTheory]
    [InlineData(DiskCache.Writeback)]
    [InlineData(DiskCache.None)]
    public void A_file_that_was_truncated_fails_what_is_past_its_end(DiskCache cache)
    {
        using var file = new TemporaryFile(Sectors * 512);
        using RawDiskImage image = Open(file.Path, cache);
        using var bed = new BlockBed(image, overlaps: true);
        using (FileStream other = new(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(4096);
        }

        bed.Driver.Read(0, BlockBed.Data, 4096).ShouldBe(BlockStatus.Ok);
        bed.Driver.Read(0, BlockBed.Data, 8192).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(64, BlockBed.Data, 4096).ShouldBe(BlockStatus.IoError);
    }

    [Fact]
    public void A_read_does_not_wait_for_a_flush()
    {
        using var disk = new HeldDisk(Sectors * 512);
        using var bed = new BlockBed(disk, overlaps: true);
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out ushort flush).ShouldBeTrue();
        bed.Kick();
        disk.WaitForFlush();
        bed.Driver.TrySubmitRead(0, [new(BlockBed.Data, 512)], out ushort read).ShouldBeTrue();
        bed.Kick();
        bed.WaitForCompletion().Token.ShouldBe(read);
        disk.EndFlush(0);
        bed.WaitForCompletion().Token.ShouldBe(flush);
        disk.Flushes.ShouldBe(1);
    }

    [Fact]
    public void Flushes_that_come_during_a_flush_wait_for_one_that_begins_after_them()
    {
        using var disk = new HeldDisk(Sectors * 512);
        using var bed = new BlockBed(disk, overlaps: true);
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out ushort first).ShouldBeTrue();
        bed.Kick();
        disk.WaitForFlush();

        // This write is completed while the first flush is under way: that one need not cover it.
        bed.Driver.TrySubmitWrite(3, [new(BlockBed.Data, 512)], out ushort write).ShouldBeTrue();
        bed.Kick();
        bed.WaitForCompletion().Token.ShouldBe(write);
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out ushort second).ShouldBeTrue();
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out ushort third).ShouldBeTrue();
        bed.Kick();
        disk.EndFlush(0);
        bed.WaitForCompletion().Token.ShouldBe(first);
        disk.WaitForFlush();
        bed.Driver.InFlight.ShouldBe(2);
        disk.EndFlush(0);
        bed.WaitForCompletion().Token.ShouldBe(second);
        bed.WaitForCompletion().Token.ShouldBe(third);
        disk.Flushes.ShouldBe(2);
    }

    [Fact]
    public void A_flush_that_fails_fails_all_that_wait_for_it_and_all_that_come()
    {
        using var disk = new HeldDisk(Sectors * 512);
        using var bed = new BlockBed(disk, overlaps: true);
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out _).ShouldBeTrue();
        bed.Kick();
        disk.WaitForFlush();
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out _).ShouldBeTrue();
        bed.Kick();
        disk.EndFlush(5);
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.IoError);
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.IoError);
        bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out _).ShouldBeTrue();
        bed.Kick();
        bed.WaitForCompletion().Status.ShouldBe(BlockStatus.IoError);
        disk.Flushes.ShouldBe(1);
    }

    [Fact]
    public void A_write_of_a_driver_that_cannot_flush_is_completed_when_it_is_durable()
    {
        using var disk = new HeldDisk(Sectors * 512);
        using var bed = new BlockBed(disk, accept: ~(VirtioBlockFeatures.Flush | VirtioBlockFeatures.ConfigWriteback), overlaps: true);
        bed.Driver.TrySubmitWrite(0, [new(BlockBed.Data, 512)], out ushort write).ShouldBeTrue();
        bed.Kick();
        disk.WaitForFlush();
        bed.Driver.TrySubmitRead(0, [new(BlockBed.Data + 512, 512)], out ushort read).ShouldBeTrue();
        bed.Kick();
        bed.WaitForCompletion().Token.ShouldBe(read);
        disk.EndFlush(0);
        bed.WaitForCompletion().Token.ShouldBe(write);
    }

    [Fact]
    public void What_an_abandoned_write_may_still_change_is_not_touched()
    {
        using var disk = new HeldDisk(Sectors * 512);
        using var device = new VirtioBlockDevice(disk, options: null, leaveOpen: true);
        using var bed = new BlockBed(device, accept: ~(VirtioBlockFeatures.Flush | VirtioBlockFeatures.ConfigWriteback), overlaps: true);
        bed.Driver.TrySubmitWrite(8, [new(BlockBed.Data, 1024)], out _).ShouldBeTrue();
        bed.Kick();
        disk.WaitForFlush();
        ((IOverlappedQueueHandler)bed.Handler).Abandon();
        using (var next = new BlockBed(device, overlaps: true))
        {
            next.Driver.Read(7, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
            next.Driver.Read(9, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
            next.Driver.Write(6, BlockBed.Data, 2048).ShouldBe(BlockStatus.IoError);
            next.Driver.Write(10, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
            disk.EndFlush(0);
            bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
            next.Driver.Read(9, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
        }
    }

    private static RawDiskImage Open(string path, DiskCache cache)
    {
        try
        {
            return RawDiskImage.Open(path, new RawDiskImageOptions { Cache = cache });
        }
        catch (DiskImageException e) when (e.Error == DiskImageError.NoDirectTransfers)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }
}
