using static Hyperspan.Virtio.Tests.QueueBed;

namespace Hyperspan.Virtio.Tests;

/// <summary>What a driver may put into a queue, and every way of getting it wrong.</summary>
public sealed class VirtQueueChainTests : IDisposable
{
    private const ulong Table = 0x8000;

    private readonly QueueBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void An_empty_queue_gives_nothing()
    {
        _bed.Queue.TryTake(_bed.Chain).ShouldBeFalse();
        _bed.Queue.IsBroken.ShouldBeFalse();
        _bed.Queue.Error.ToString().ShouldBe("no error");
    }

    [Fact]
    public void A_chain_is_readable_parts_then_writable_parts()
    {
        _bed.Describe(5, 0x10000, 100, Next, 2);
        _bed.Describe(2, 0x20000, 50, Next, 7);
        _bed.Describe(7, 0x30000, 10, Next | Write, 0);
        _bed.Describe(0, 0x40000, 7, Write);
        _bed.Offer(5);

        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Chain.Head.ShouldBe((ushort)5);
        _bed.Chain.Readable.Segments.ToArray().ShouldBe([new(0x10000, 100), new(0x20000, 50)]);
        _bed.Chain.Readable.Length.ShouldBe(150UL);
        _bed.Chain.Writable.Segments.ToArray().ShouldBe([new(0x30000, 10), new(0x40000, 7)]);
        _bed.Chain.Writable.Length.ShouldBe(17UL);
        _bed.Queue.NextAvailable.ShouldBe((ushort)1);
        _bed.Queue.InFlight.ShouldBe(1);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeFalse();
    }

    [Fact]
    public void A_chain_may_use_the_whole_table()
    {
        for (ushort i = 0; i < 8; i++)
        {
            _bed.Describe(i, Buffers, 1, i < 7 ? Next : (ushort)0, (ushort)(i + 1));
        }

        _bed.Offer(0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Chain.Readable.Segments.Length.ShouldBe(8);
    }

    [Fact]
    public void An_indirect_table_may_follow_ordinary_descriptors()
    {
        _bed.Describe(0, Buffers, 16, Next, 1);
        _bed.Describe(1, Table, 48, Indirect | Write);
        _bed.DescribeAt(Table, 0x20000, 512, Next, 2);
        _bed.DescribeAt(Table + 32, 0x30000, 1, Write);
        _bed.Offer(0);

        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue(_bed.Queue.Error.ToString());
        _bed.Chain.Readable.Segments.ToArray().ShouldBe([new(Buffers, 16), new(0x20000, 512)]);
        _bed.Chain.Writable.Segments.ToArray().ShouldBe([new(0x30000, 1)]);
    }

    [Fact]
    public void An_indirect_table_may_be_longer_than_the_queue()
    {
        for (uint i = 0; i < 1024; i++)
        {
            _bed.DescribeAt(Table + (16 * i), Buffers + i, 1, i < 1023 ? Next : (ushort)0, (ushort)(i + 1));
        }

        _bed.Describe(0, Table, 1024 * 16, Indirect);
        _bed.Offer(0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue(_bed.Queue.Error.ToString());
        _bed.Chain.Readable.Length.ShouldBe(1024UL);
    }

    [Fact]
    public void Empty_buffers_add_nothing_wherever_they_point()
    {
        _bed.Describe(0, ulong.MaxValue, 0, Next, 1);
        _bed.Describe(1, Buffers, 4, Next, 2);
        _bed.Describe(2, 0, 0, Write);
        _bed.Offer(0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Chain.Readable.Segments.ToArray().ShouldBe([new(Buffers, 4)]);
        _bed.Chain.Writable.Length.ShouldBe(0UL);
    }

    [Fact]
    public void Readable_after_writable()
    {
        _bed.Describe(0, Buffers, 4, Next | Write, 1);
        _bed.Describe(1, Buffers, 4);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.ReadableAfterWritable, 0);
    }

    [Fact]
    public void Readable_after_an_empty_writable()
    {
        _bed.Describe(0, Buffers, 0, Next | Write, 1);
        _bed.Describe(1, Buffers, 4);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.ReadableAfterWritable, 0);
    }

    [Fact]
    public void Head_out_of_range()
    {
        _bed.Offer(8);
        _bed.ShouldBreak(VirtQueueErrorKind.HeadOutOfRange);
    }

    [Fact]
    public void Next_out_of_range()
    {
        _bed.Describe(3, Buffers, 4, Next, 8);
        _bed.Offer(3);
        _bed.ShouldBreak(VirtQueueErrorKind.NextOutOfRange, 3);
    }

    [Fact]
    public void Next_out_of_range_in_an_indirect_table()
    {
        _bed.Describe(0, Table, 32, Indirect);
        _bed.DescribeAt(Table, Buffers, 4, Next, 2);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.NextOutOfRange, 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Loop(ushort back)
    {
        _bed.Describe(0, Buffers, 4, Next, 1);
        _bed.Describe(1, Buffers, 4, Next, back);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.DescriptorLoop, 0);
    }

    [Fact]
    public void Loop_in_an_indirect_table()
    {
        _bed.Describe(0, Table, 32, Indirect);
        _bed.DescribeAt(Table, Buffers, 4, Next, 0);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.DescriptorLoop, 0);
    }

    [Fact]
    public void An_indirect_table_that_refers_to_itself()
    {
        _bed.Describe(0, Table, 16, Indirect);
        _bed.DescribeAt(Table, Table, 16, Indirect);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.NestedIndirect, 0);
    }

    [Fact]
    public void Indirect_with_next()
    {
        _bed.Describe(0, Table, 16, Indirect | Next, 1);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.IndirectWithNext, 0);
    }

    [Fact]
    public void Indirect_not_negotiated()
    {
        using var bed = new QueueBed(VirtQueueFeatures.None);
        bed.Describe(0, Table, 16, Indirect);
        bed.Offer(0);
        bed.ShouldBreak(VirtQueueErrorKind.IndirectNotNegotiated, 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData((1024 * 16) + 16)]
    [InlineData(0xFFFF_FFF0)]
    public void Invalid_indirect_length(uint length)
    {
        _bed.Describe(0, Table, length, Indirect);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.InvalidIndirectLength, 0);
    }

    [Theory]
    [InlineData(MemorySize)]
    [InlineData(MemorySize - 16)]
    [InlineData(0xFFFF_FFFF_FFFF_FFF0)]
    public void Indirect_outside_memory(ulong table)
    {
        _bed.Describe(0, table, 32, Indirect);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.IndirectOutsideMemory, 0);
    }

    [Theory]
    [InlineData(MemorySize, 1)]
    [InlineData(MemorySize - 1, 2)]
    [InlineData(0, 0xFFFF_FFFF)]
    [InlineData(0xFFFF_FFFF_FFFF_FFFF, 1)]
    [InlineData(0xFFFF_FFFF_FFFF_F000, 0x2000)]
    public void Buffer_outside_memory(ulong address, uint length)
    {
        _bed.Describe(0, address, length);
        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.BufferOutsideMemory, 0);
    }

    [Fact]
    public void Buffers_may_reach_the_last_byte_and_cross_touching_regions()
    {
        using GuestMemory memory = new GuestMemoryBuilder("test")
            .AddRegion(0, new HeapBacking(0x10000))
            .AddRegion(0x10000, new HeapBacking(0x10000))
            .AddRegion(0x30000, new HeapBacking(0x10000))
            .Build();
        using var bed = new QueueBed(memory: memory);
        bed.Describe(0, 0x30000, 0x10000, Next, 1);
        bed.Describe(1, 0xF000, 0x11000, Next, 2);
        bed.Describe(2, 0x1F000, 0x1001);
        bed.Describe(3, 0xF000, 0x11000);
        bed.Describe(4, 0x2FFFF, 2);
        bed.Offer(3, 0);
        bed.Queue.TryTake(bed.Chain).ShouldBeTrue();
        bed.ShouldBreak(VirtQueueErrorKind.BufferOutsideMemory, 0);
        bed.Chain.Readable.Length.ShouldBe(0x21000UL);
        bed.Queue.Reset(2);
        bed.Offer(4);
        bed.ShouldBreak(VirtQueueErrorKind.BufferOutsideMemory, 4);
    }

    [Fact]
    public void A_strict_memory_has_no_buffers_across_regions()
    {
        using GuestMemory memory = new GuestMemoryBuilder("test").Strict()
            .AddRegion(0, new HeapBacking(0x10000))
            .AddRegion(0x10000, new HeapBacking(0x10000))
            .Build();
        using var bed = new QueueBed(memory: memory);
        bed.Describe(0, 0xF000, 0x1001);
        bed.Offer(0);
        bed.ShouldBreak(VirtQueueErrorKind.BufferOutsideMemory, 0);
    }

    [Fact]
    public void More_than_four_gigabytes_in_all()
    {
        // A region of 3 GiB, of which nothing is touched.
        using GuestMemory memory = new GuestMemoryBuilder("test").AddRegion(0, new SharedBacking(3UL << 30)).Build();
        using var bed = new QueueBed(memory: memory);
        bed.Describe(0, 0, 0x8000_0000, Next, 1);
        bed.Describe(1, 0, 0x8000_0000, Write);
        bed.Describe(2, 0, 1, Next, 0);
        bed.Offer(0, 2);
        bed.Queue.TryTake(bed.Chain).ShouldBeTrue("2^32 is allowed");
        bed.ShouldBreak(VirtQueueErrorKind.ChainTooLong, 2);
    }

    [Fact]
    public void Available_index_too_far()
    {
        _bed.Memory.WriteUInt16LittleEndian(_bed.AvailableIndex, 9);
        _bed.ShouldBreak(VirtQueueErrorKind.AvailableIndexTooFar);
    }

    [Fact]
    public void Available_index_going_back_is_too_far()
    {
        _bed.Describe(0, Buffers, 4);
        _bed.Offer(0, 0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Memory.WriteUInt16LittleEndian(_bed.AvailableIndex, 1);
        _bed.ShouldBreak(VirtQueueErrorKind.AvailableIndexTooFar);
    }

    [Fact]
    public void Too_many_in_flight()
    {
        _bed.Describe(0, Buffers, 4);
        _bed.Offer(0, 0, 0, 0, 0, 0, 0, 0);
        for (int i = 0; i < 8; i++)
        {
            _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        }

        _bed.Offer(0);
        _bed.ShouldBreak(VirtQueueErrorKind.TooManyInFlight, 0);
    }

    [Fact]
    public void A_broken_queue_stays_broken_until_it_is_reset()
    {
        _bed.Describe(0, Buffers, 4);
        _bed.Offer(0, 9, 0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.ShouldBreak(VirtQueueErrorKind.HeadOutOfRange);
        _bed.ShouldBreak(VirtQueueErrorKind.HeadOutOfRange);
        _bed.Queue.NextAvailable.ShouldBe((ushort)1, "what was not taken is not counted");

        _bed.Queue.Complete(0, 0).ShouldBeFalse();
        _bed.Queue.Publish().ShouldBeFalse();
        _bed.Queue.TakeHead(0, _bed.Chain).ShouldBeFalse();
        _bed.Queue.EnableNotifications().ShouldBeFalse();
        _bed.Queue.ShouldNotify().ShouldBeFalse();
        _bed.Memory.ReadUInt16LittleEndian(_bed.UsedIndex).ShouldBe((ushort)0);
        _bed.Queue.Break(new VirtQueueError(VirtQueueErrorKind.MissingResponse, 1));
        _bed.Queue.Error.Kind.ShouldBe(VirtQueueErrorKind.HeadOutOfRange, "the first error stays");

        _bed.Queue.Reset(nextAvailable: 2);
        _bed.Queue.IsBroken.ShouldBeFalse();
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Queue.InFlight.ShouldBe(1);
    }

    [Fact]
    public void Memory_that_goes_away_is_an_error_of_the_queue()
    {
        _bed.Describe(0, Buffers, 4);
        _bed.Offer(0, 0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Memory.Dispose();
        _bed.Queue.Complete(_bed.Chain, 0).ShouldBeFalse();
        _bed.ShouldBreak(VirtQueueErrorKind.RingFault, 0);
        _bed.Queue.Error.Fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        _bed.Queue.Error.ToString().ShouldContain("disposed");
    }

    [Fact]
    public void Every_field_is_read_once()
    {
        var backing = new CountingBacking((int)MemorySize);
        using GuestMemory memory = new(backing, "counted");
        using var bed = new QueueBed(memory: memory);
        bed.Describe(2, Buffers, 16, Next, 6);
        bed.Describe(6, Table, 48, Indirect);
        for (uint i = 0; i < 3; i++)
        {
            bed.DescribeAt(Table + (16 * i), Buffers + i, 8, i < 2 ? Next : Write, (ushort)(i + 1));
        }

        bed.Offer(2);
        Array.Clear(backing.Reads);
        bed.Queue.TryTake(bed.Chain).ShouldBeTrue(bed.Queue.Error.ToString());

        int[] once = [.. Enumerable.Range(0, backing.Reads.Length).Where(i => backing.Reads[i] == 1)];
        int[] expected =
        [
            .. Bytes(bed.Layout.DescriptorTable + 32, 16),
            .. Bytes(bed.Layout.DescriptorTable + 96, 16),
            .. Bytes(bed.AvailableIndex, 2),
            .. Bytes(bed.Layout.AvailableRing + 4, 2),
            .. Bytes(Table, 48),
        ];
        once.ShouldBe(expected, ignoreOrder: true);
        backing.Reads.Max().ShouldBe(1);
    }

    private static IEnumerable<int> Bytes(GuestAddress start, int length) => Enumerable.Range((int)start.Value, length);
}
