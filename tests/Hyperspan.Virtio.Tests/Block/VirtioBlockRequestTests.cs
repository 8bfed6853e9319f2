namespace Hyperspan.Virtio.Tests;

/// <summary>Each type of request, and each way of getting one wrong, with the status it gets.</summary>
public sealed class VirtioBlockRequestTests : IDisposable
{
    private const int Sectors = 2048;
    private const ulong Data = BlockBed.Data;

    private readonly MemoryDisk _disk = new(Sectors * 512);
    private readonly BlockBed _bed;

    public VirtioBlockRequestTests()
    {
        new Random(1).NextBytes(_disk.Bytes);
        _bed = new BlockBed(_disk, new VirtioBlockOptions { Id = "disk-of-tests" });
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Reads_are_scattered()
    {
        BlockCompletion done = _bed.Run(BlockRequestType.Read, 3, [], [new(Data, 100), new(Data + 0x1000, 1), new(Data + 0x2000, 923)]);
        done.Status.ShouldBe(BlockStatus.Ok);
        done.Written.ShouldBe(1025u);
        byte[] read = [.. Bytes(Data, 100), .. Bytes(Data + 0x1000, 1), .. Bytes(Data + 0x2000, 923)];
        read.ShouldBe(_disk.Bytes[(3 * 512)..(5 * 512)]);
        _bed.Last.Requests.ShouldBe(1u);
        _bed.Last.Bytes.ShouldBe(1024UL);
        _bed.Last.Error.ShouldBeNull();
        _bed.Last.MemoryFault.ShouldBeNull();
    }

    [Fact]
    public void Writes_are_gathered()
    {
        var pattern = new byte[1024];
        new Random(2).NextBytes(pattern);
        _bed.Memory.Write(Data, pattern.AsSpan(0, 1000));
        _bed.Memory.Write(Data + 0x5000, pattern.AsSpan(1000));
        BlockCompletion done = _bed.Run(BlockRequestType.Write, Sectors - 2, [new(Data, 1000), new(Data + 0x5000, 24)], []);
        done.Status.ShouldBe(BlockStatus.Ok);
        done.Written.ShouldBe(1u);
        _disk.Bytes[^1024..].ShouldBe(pattern);
    }

    [Fact]
    public void Header_and_status_may_lie_anywhere_in_the_buffers()
    {
        // Header and data in one buffer; header cut in pieces; status at the end of the data.
        _bed.Header(Data, 1, 7);
        _bed.Memory.Fill(Data + 16, 0x5A, 512);
        _bed.Raw([new(Data, 528)], [new(Data + 0x1000, 1)])!.Value.Written.ShouldBe(1u);
        _disk.Bytes.AsSpan(7 * 512, 512).IndexOfAnyExcept((byte)0x5A).ShouldBe(-1);

        _bed.Header(Data, 0, 7);
        _bed.Memory.Fill(Data + 0x1000, 0xFF, 513);
        _bed.Raw([new(Data, 3), new(Data + 3, 12), new(Data + 15, 1)], [new(Data + 0x1000, 513)])!.Value.Written.ShouldBe(513u);
        Bytes(Data + 0x1000, 513).ShouldBe([.. Enumerable.Repeat((byte)0x5A, 512), 0]);
    }

    [Fact]
    public void Nothing_read_or_written_is_fine()
    {
        _bed.Run(BlockRequestType.Read, Sectors, [], []).Status.ShouldBe(BlockStatus.Ok);
        _bed.Run(BlockRequestType.Read, Sectors + 1, [], []).Status.ShouldBe(BlockStatus.IoError);
    }

    [Theory]
    [InlineData(Sectors, 512)]
    [InlineData(Sectors - 1, 1024)]
    [InlineData(ulong.MaxValue, 512)]
    [InlineData(ulong.MaxValue / 512, 512)]
    [InlineData(1UL << 55, 512)] // times 512 it is zero
    [InlineData(0, 511)]
    [InlineData(0, 513)]
    [InlineData(0, 1)]
    public void Bad_sectors_and_odd_lengths(ulong sector, uint length)
    {
        byte[] before = [.. _disk.Bytes];
        _bed.Memory.Fill(Data, 0xEE, 2048);
        BlockCompletion read = _bed.Run(BlockRequestType.Read, sector, [], [new(Data, length)]);
        read.Status.ShouldBe(BlockStatus.IoError);
        read.Written.ShouldBe(1u);
        Bytes(Data, 2048).ShouldAllBe(b => b == 0xEE);
        _bed.Run(BlockRequestType.Write, sector, [new(Data, length)], []).Status.ShouldBe(BlockStatus.IoError);
        _disk.Bytes.ShouldBe(before);
    }

    [Fact]
    public void Short_header()
    {
        _bed.Header(Data, 0, 0);
        VirtQueueCompletion? done = _bed.Raw([new(Data, 15)], [new(Data + 0x1000, 513)]);
        done!.Value.Written.ShouldBe(1u);
        _bed.Memory.Read<byte>(Data + 0x1000 + 512).ShouldBe((byte)BlockStatus.IoError);
        _bed.Raw([], [new(Data + 0x1000, 1)]).ShouldNotBeNull();
        _bed.Memory.Read<byte>(Data + 0x1000).ShouldBe((byte)BlockStatus.IoError);
    }

    [Fact]
    public void No_status_byte_breaks_the_queue()
    {
        _bed.Header(Data, 1, 0);
        byte[] before = [.. _disk.Bytes];
        _bed.Raw([new(Data, 528)], []).ShouldBeNull();
        _bed.Last.Error!.Value.Kind.ShouldBe(VirtQueueErrorKind.MissingResponse);
        _bed.Last.MemoryFault.ShouldBeNull();
        _bed.Last.Notify.ShouldBeFalse();
        _disk.Bytes.ShouldBe(before);
    }

    [Fact]
    public void Data_in_the_wrong_direction()
    {
        _bed.Run(BlockRequestType.Read, 0, [new(Data, 512)], []).Status.ShouldBe(BlockStatus.IoError);
        _bed.Run(BlockRequestType.Write, 0, [], [new(Data, 512)]).Status.ShouldBe(BlockStatus.IoError);
        _bed.Run(BlockRequestType.Write, 0, [new(Data, 512)], [new(Data, 512)]).Status.ShouldBe(BlockStatus.IoError);
        _bed.Run(BlockRequestType.GetId, 0, [new(Data, 20)], []).Status.ShouldBe(BlockStatus.IoError);
        _bed.Run(BlockRequestType.Discard, 0, [], [new(Data, 16)]).Status.ShouldBe(BlockStatus.IoError);
        _bed.Run(BlockRequestType.Flush, 0, [new(Data, 1)], []).Status.ShouldBe(BlockStatus.IoError);
        _disk.Flushes.ShouldBe(0);
    }

    [Fact]
    public void Flush()
    {
        _bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
        _disk.Flushes.ShouldBe(1);
        _disk.FailWith = 5;
        _bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
    }

    [Theory]
    [InlineData(20, "disk-of-tests")]
    [InlineData(4, "disk")]
    [InlineData(100, "disk-of-tests")]
    public void Get_id(uint room, string id)
    {
        _bed.Memory.Fill(Data, 0xEE, 100);
        BlockCompletion done = _bed.Run(BlockRequestType.GetId, 0, [], [new(Data, room)]);
        done.Status.ShouldBe(BlockStatus.Ok);
        uint length = Math.Min(room, 20);
        done.Written.ShouldBe(length + 1);
        byte[] padded = new byte[20];
        System.Text.Encoding.ASCII.GetBytes(id, padded);
        Bytes(Data, (int)length).ShouldBe(padded[..(int)length]);
        Bytes(Data + length, (int)(100 - length)).ShouldAllBe(b => b == 0xEE);
        _bed.Driver.GetId(Data, out string whole).ShouldBe(BlockStatus.Ok);
        whole.ShouldBe("disk-of-tests");
    }

    [Theory]
    [InlineData(2)] // SCSI passthrough of old
    [InlineData(3)]
    [InlineData(0x8000_0000)]
    [InlineData(uint.MaxValue)]
    public void Unknown_types(uint type)
    {
        BlockCompletion done = _bed.Run((BlockRequestType)type, 0, [], [new(Data, 512)]);
        done.Status.ShouldBe(BlockStatus.Unsupported);
        done.Written.ShouldBe(1u);
    }

    [Fact]
    public void What_was_not_negotiated_is_unsupported()
    {
        using var bed = new BlockBed(_disk, accept: VirtioFeatures.Version1);
        bed.Range(Data, 0, 1, 0);
        bed.Driver.Flush().ShouldBe(BlockStatus.Unsupported);
        bed.Driver.Discard(0, 1).ShouldBe(BlockStatus.Unsupported);
        bed.Driver.WriteZeroes(0, 1, unmap: false).ShouldBe(BlockStatus.Unsupported);
        bed.Driver.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
    }

    [Fact]
    public void Discard_and_write_zeroes()
    {
        _bed.Driver.Discard(4, 8).ShouldBe(BlockStatus.Ok);
        _disk.Discards.ShouldBe([(4 * 512UL, 8 * 512UL)]);
        _bed.Driver.WriteZeroes(Sectors - 1, 1, unmap: true).ShouldBe(BlockStatus.Ok);
        _disk.Bytes[^512..].ShouldAllBe(b => b == 0);
        _disk.Bytes[^513].ShouldNotBe((byte)0);

        for (uint i = 0; i < 32; i++)
        {
            _bed.Range(Data + (16 * i), i, i == 5 ? 0u : 1, 0);
        }

        _disk.Discards.Clear();
        _bed.Run(BlockRequestType.Discard, 0, [new(Data, 17), new(Data + 17, (32 * 16) - 17)], []).Status.ShouldBe(BlockStatus.Ok);
        _disk.Discards.Count.ShouldBe(31, "an empty range is nothing to do");
    }

    [Theory]
    [InlineData(BlockRequestType.Discard, 0, 1, 1, BlockStatus.Unsupported)] // unmap has no meaning here
    [InlineData(BlockRequestType.Discard, 0, 1, 2, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.WriteZeroes, 0, 1, 2, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.WriteZeroes, 0, 1, 0x8000_0001, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.WriteZeroes, ulong.MaxValue, 1, 2, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.Discard, Sectors, 1, 0, BlockStatus.IoError)]
    [InlineData(BlockRequestType.WriteZeroes, Sectors - 1, 2, 0, BlockStatus.IoError)]
    [InlineData(BlockRequestType.WriteZeroes, ulong.MaxValue, 1, 0, BlockStatus.IoError)]
    [InlineData(BlockRequestType.Discard, 0, uint.MaxValue, 0, BlockStatus.IoError)]
    [InlineData(BlockRequestType.WriteZeroes, 0, 0x20001, 0, BlockStatus.IoError)]
    public void Bad_ranges_do_nothing_at_all(BlockRequestType type, ulong sector, uint sectors, uint flags, BlockStatus status)
    {
        byte[] before = [.. _disk.Bytes];
        _bed.Range(Data, 0, 1, 0);
        _bed.Range(Data + 16, sector, sectors, flags);
        _bed.Run(type, 0, [new(Data, 32)], []).Status.ShouldBe(status);
        _disk.Discards.ShouldBeEmpty();
        _disk.Bytes.ShouldBe(before);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(33 * 16)]
    public void Bad_lengths_of_ranges(uint length)
    {
        _bed.Run(BlockRequestType.Discard, 0, length == 0 ? [] : [new(Data, length)], []).Status.ShouldBe(BlockStatus.IoError);
        _disk.Discards.ShouldBeEmpty();
    }

    [Fact]
    public void Read_only()
    {
        using var bed = new BlockBed(_disk, new VirtioBlockOptions { ReadOnly = true });
        byte[] before = [.. _disk.Bytes];
        bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.Discard(0, 1).ShouldBe(BlockStatus.Unsupported);
        bed.Driver.WriteZeroes(0, 1, unmap: true).ShouldBe(BlockStatus.Unsupported);
        bed.Driver.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
        _disk.Bytes.ShouldBe(before);
    }

    [Fact]
    public void Failures_of_the_image_are_io_errors()
    {
        _disk.FailWith = 28;
        Fails();
        _disk.FailWith = 0;
        _disk.Throw = new InvalidOperationException("an image of somebody's own");
        Fails();
        _disk.Throw = null;
        _bed.Driver.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);

        void Fails()
        {
            _bed.Driver.Read(0, Data, 512).ShouldBe(BlockStatus.IoError);
            _bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.IoError);
            _bed.Driver.Discard(0, 1).ShouldBe(BlockStatus.IoError);
            _bed.Driver.WriteZeroes(0, 1, unmap: false).ShouldBe(BlockStatus.IoError);
            _bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        }
    }

    [Fact]
    public void Without_flush_every_write_is_durable()
    {
        using var bed = new BlockBed(_disk, accept: VirtioFeatures.Version1 | VirtioBlockFeatures.WriteZeroes);
        bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        bed.Driver.WriteZeroes(0, 1, unmap: false).ShouldBe(BlockStatus.Ok);
        _disk.Flushes.ShouldBe(2);
        _bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        _disk.Flushes.ShouldBe(2, "that driver flushes by itself");
    }

    [Fact]
    public void The_driver_may_switch_the_cache_off()
    {
        _bed.Device.TryWriteConfig(32, [0]).ShouldBeTrue();
        _disk.Flushes.ShouldBe(1);
        _bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        _disk.Flushes.ShouldBe(2);
        _bed.Device.TryWriteConfig(32, [1]).ShouldBeTrue();
        _bed.Driver.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        _disk.Flushes.ShouldBe(2);
    }

    [Fact]
    public void Memory_that_refuses_a_buffer_fails_the_request_alone()
    {
        using GuestMemory memory = new GuestMemoryBuilder("test")
            .AddRegion(0, new HeapBacking(0x80000))
            .AddRegion(0x80000, new HeapBacking(0x1000), protection: new Protection(read: true, write: false, execute: false))
            .Build();
        var rings = new VirtQueueDriver(memory, 0x1000, 8);
        var queue = new VirtQueue(memory, rings.Layout);
        using IVirtioQueueHandler handler = _bed.Device.CreateQueueHandler(0, VirtioFeatures.Version1);
        _bed.Header(Data, 0, 0);
        memory.Write(Data, Bytes(Data, 16));
        rings.TryAdd([new(Data, 16)], [new(0x80000, 512), new(Data + 16, 1)], out _).ShouldBeTrue();
        QueueProcessResult result = handler.Process(queue, CancellationToken.None);
        result.Error.ShouldBeNull();
        rings.TryCollect(out VirtQueueCompletion completion).ShouldBeTrue();
        completion.Written.ShouldBe(1U);
        memory.ReadByte(Data + 16).ShouldBe((byte)BlockStatus.IoError);

        // A status that cannot be written leaves the driver without an answer.
        memory.Write(Data, Bytes(Data, 16));
        rings.TryAdd([new(Data, 16)], [new(Data + 512, 512), new(0x80000, 1)], out _).ShouldBeTrue();
        result = handler.Process(queue, CancellationToken.None);
        result.Error!.Value.Kind.ShouldBe(VirtQueueErrorKind.BufferFault);
        result.MemoryFault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.ReadOnly);
        result.MemoryFault!.Value.Address.ShouldBe(new GuestAddress(0x80000));
        rings.TryCollect(out _).ShouldBeFalse();
    }

    private byte[] Bytes(ulong address, int length)
    {
        var bytes = new byte[length];
        _bed.Memory.Read(address, bytes);
        return bytes;
    }
}
