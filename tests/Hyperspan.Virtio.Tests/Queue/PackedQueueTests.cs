using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Virtio.Tests;

public class PackedQueueTests
{
    private const ulong Buffers = QueueBed.Buffers;
    private const int Next = QueueBed.Next;
    private const int Write = QueueBed.Write;
    private const int Indirect = QueueBed.Indirect;
    private const int Available = PackedBed.Available;
    private const int Used = PackedBed.Used;

    [Fact]
    public void Chain_is_taken_when_its_first_descriptor_is_available_and_named_by_its_last()
    {
        using var bed = new PackedBed();
        bed.Describe(1, Buffers + 16, 512, Next | Write | Available, id: 99);
        bed.Describe(2, Buffers + 528, 1, Write | Available, id: 1234);
        bed.Queue.TryTake(bed.Chain).ShouldBeFalse();
        bed.Describe(0, Buffers, 16, Next | Available, id: 77);
        bed.Take();
        bed.Chain.Readable.Segments.ToArray().ShouldBe([new ChainSegment(Buffers, 16)]);
        bed.Chain.Writable.Segments.ToArray().ShouldBe([new ChainSegment(Buffers + 16, 512), new ChainSegment(Buffers + 528, 1)]);
        bed.Queue.NextAvailable.ShouldBe((ushort)0x8003);
        bed.Queue.UsedIndex.ShouldBe((ushort)0x8000);
        bed.Queue.Complete(bed.Chain, 513).ShouldBeTrue();
        bed.Read(0).ShouldBe((513U, (ushort)1234, (ushort)(Available | Used | Write)));
        bed.Queue.UsedIndex.ShouldBe((ushort)0x8003);
        bed.Queue.IsBroken.ShouldBeFalse();
    }

    /// <summary>A ring whose size is no power of two, several laps of it, chains that cross its end.</summary>
    [Fact]
    public void Wrap_counters_change_with_each_lap()
    {
        using var bed = new PackedBed(size: 5);
        int place = 0;
        for (int round = 0; round < 40; round++)
        {
            bool wrap = place / 5 % 2 == 0;
            bool wrapOfNext = (place + 1) / 5 % 2 == 0;
            bed.Describe((ushort)((place + 1) % 5), Buffers, 8, Write | (wrapOfNext ? Available : Used), (ushort)round);
            bed.Queue.TryTake(bed.Chain).ShouldBeFalse("only the first counts");
            bed.Describe((ushort)(place % 5), Buffers, 8, Next | (wrap ? Available : Used));
            bed.Take();
            bed.Queue.TryTake(bed.Chain).ShouldBeFalse();
            bed.Queue.Complete(bed.Chain, 0).ShouldBeTrue();
            bed.Read((ushort)(place % 5)).ShouldBe((0U, (ushort)round, (ushort)(wrap ? Available | Used : 0)));
            place += 2;
            ushort expected = (ushort)((place % 5) | (place / 5 % 2 == 0 ? 0x8000 : 0));
            bed.Queue.UsedIndex.ShouldBe(expected);
            bed.Queue.NextAvailable.ShouldBe(expected);
        }
    }

    /// <summary>The names are the driver's own affair: any number, also the same twice.</summary>
    [Fact]
    public void Chains_are_returned_in_any_order_by_the_names_they_came_with()
    {
        using var bed = new PackedBed();
        for (ushort i = 0; i < 4; i++)
        {
            bed.Describe(i, Buffers, 8, Write | Available, (ushort)(i < 2 ? 0xffff : i));
        }

        var heads = new List<ushort>();
        for (int i = 0; i < 4; i++)
        {
            bed.Take();
            heads.Add(bed.Chain.Head);
        }

        heads.Distinct().Count().ShouldBe(4);
        bed.Queue.Complete(heads[3], 3).ShouldBeTrue();
        bed.Queue.Complete(heads[1], 1).ShouldBeTrue();
        bed.Read(0).ShouldBe((3U, (ushort)3, (ushort)(Available | Used | Write)));
        bed.Read(1).ShouldBe((1U, (ushort)0xffff, (ushort)(Available | Used | Write)));
        Should.Throw<InvalidOperationException>(() => bed.Queue.Complete(heads[1], 1));
        Should.Throw<InvalidOperationException>(() => bed.Queue.Complete(8, 1));
        bed.Queue.InFlight.ShouldBe(2);
    }

    [Fact]
    public void First_of_a_batch_is_written_last()
    {
        var backing = new CountingBacking((int)QueueBed.MemorySize);
        using GuestMemory memory = new(backing, "ordered");
        using var bed = new PackedBed(memory: memory);
        for (ushort i = 0; i < 3; i++)
        {
            bed.Describe(i, Buffers, 8, Write | Available, i);
        }

        for (ushort i = 0; i < 3; i++)
        {
            bed.Take();
        }

        backing.Writes.Clear();
        for (ushort i = 0; i < 3; i++)
        {
            bed.Queue.Stage(i, 8).ShouldBeTrue();
        }

        bed.Queue.Publish().ShouldBeTrue();
        backing.Writes.ShouldBe([PackedBed.Ring + 24, PackedBed.Ring + 40, PackedBed.Ring + 8]);
    }

    [Fact]
    public void Each_field_is_read_once()
    {
        var backing = new CountingBacking((int)QueueBed.MemorySize);
        using GuestMemory memory = new(backing, "counted");
        using var bed = new PackedBed(memory: memory);
        bed.Describe(0, Buffers, 8, Next | Available);
        bed.Describe(1, Buffers + 8, 8, Write | Available);
        bed.Describe(2, 0x3000, 32, Indirect | Available);
        bed.DescribeAt(0x3000, Buffers, 8, 0);
        bed.DescribeAt(0x3010, Buffers, 8, Write);
        Array.Clear(backing.Reads);
        bed.Take();
        bed.Take();
        for (ulong at = PackedBed.Ring; at < PackedBed.Ring + 48; at++)
        {
            backing.Reads[(int)at].ShouldBe(1, $"at 0x{at:x}");
        }

        for (ulong at = 0x3000; at < 0x3020; at++)
        {
            backing.Reads[(int)at].ShouldBe(1, $"at 0x{at:x}");
        }
    }

    [Fact]
    public void Indirect_table_is_read_from_first_to_last_whatever_its_flags()
    {
        using var bed = new PackedBed();
        bed.Describe(0, 0x3000, 48, Indirect | Available, id: 5);
        bed.DescribeAt(0x3000, Buffers, 8, 0);
        bed.DescribeAt(0x3010, Buffers + 8, 16, Write | Indirect);
        bed.DescribeAt(0x3020, Buffers + 24, 1, Write | Next);
        bed.Take();
        bed.Chain.Readable.Length.ShouldBe(8UL);
        bed.Chain.Writable.Segments.ToArray().ShouldBe([new ChainSegment(Buffers + 8, 16), new ChainSegment(Buffers + 24, 1)]);
        bed.Queue.NextAvailable.ShouldBe((ushort)0x8001);
        bed.Queue.Complete(bed.Chain, 17).ShouldBeTrue();
        bed.Read(0).Id.ShouldBe((ushort)5);
    }

    [Theory]
    [InlineData(VirtQueueErrorKind.IndirectInList, Next, Indirect)]
    [InlineData(VirtQueueErrorKind.IndirectWithNext, Indirect | Next, 0)]
    [InlineData(VirtQueueErrorKind.ReadableAfterWritable, Write | Next, 0)]
    public void Flags_that_do_not_go_together(VirtQueueErrorKind kind, int first, int second)
    {
        using var bed = new PackedBed();
        bed.Describe(0, Buffers, 16, first | Available);
        bed.Describe(1, Buffers, 16, second | Available);
        bed.ShouldBreak(kind);
    }

    [Theory]
    [InlineData(VirtQueueErrorKind.BufferOutsideMemory, QueueBed.MemorySize - 8, 16, Write)]
    [InlineData(VirtQueueErrorKind.BufferOutsideMemory, ulong.MaxValue, 16, 0)]
    [InlineData(VirtQueueErrorKind.IndirectOutsideMemory, QueueBed.MemorySize - 8, 16, Indirect)]
    [InlineData(VirtQueueErrorKind.InvalidIndirectLength, Buffers, 0, Indirect)]
    [InlineData(VirtQueueErrorKind.InvalidIndirectLength, Buffers, 24, Indirect)]
    [InlineData(VirtQueueErrorKind.InvalidIndirectLength, Buffers, 1025 * 16, Indirect)]
    public void Descriptors_that_cannot_be(VirtQueueErrorKind kind, ulong address, uint length, int flags)
    {
        using var bed = new PackedBed();
        bed.Describe(0, address, length, flags | Available);
        bed.ShouldBreak(kind);
    }

    [Fact]
    public void Indirect_descriptors_have_to_be_negotiated()
    {
        using var bed = new PackedBed(features: VirtQueueFeatures.None);
        bed.Describe(0, Buffers, 16, Indirect | Available);
        bed.ShouldBreak(VirtQueueErrorKind.IndirectNotNegotiated);
    }

    /// <summary>Every descriptor says that another follows: the walk ends with the ring.</summary>
    [Fact]
    public void List_longer_than_the_ring_is_a_loop()
    {
        using var bed = new PackedBed();
        for (ushort i = 0; i < 8; i++)
        {
            bed.Describe(i, Buffers, 8, Next | Available);
        }

        bed.ShouldBreak(VirtQueueErrorKind.DescriptorLoop);
    }

    /// <summary>A driver that makes descriptors available again that it has not got back.</summary>
    [Fact]
    public void More_descriptors_than_the_ring_has_cannot_be_in_flight()
    {
        using var bed = new PackedBed();
        for (ushort i = 0; i < 8; i++)
        {
            bed.Describe(i, Buffers, 8, Available);
        }

        for (int i = 0; i < 8; i++)
        {
            bed.Take();
        }

        bed.Queue.TryTake(bed.Chain).ShouldBeFalse();
        bed.Queue.IsBroken.ShouldBeFalse("a lap further on they are not available");
        bed.Describe(0, Buffers, 8, Used);
        bed.ShouldBreak(VirtQueueErrorKind.TooManyInFlight);
    }

    /// <summary>Six are in flight; a list of three takes one of them again.</summary>
    [Fact]
    public void List_longer_than_what_is_left_of_the_ring()
    {
        using var bed = new PackedBed();
        for (ushort i = 0; i < 8; i++)
        {
            bed.Describe(i, Buffers, 8, Available | (i < 6 ? 0 : Next));
        }

        for (int i = 0; i < 6; i++)
        {
            bed.Take();
        }

        bed.ShouldBreak(VirtQueueErrorKind.TooManyInFlight);
    }

    [Fact]
    public void Places_past_the_ring_and_wrong_layouts_are_refused()
    {
        using GuestMemory memory = GuestMemory.Allocate(QueueBed.MemorySize);
        var layout = new VirtQueueLayout(6, PackedBed.Ring, PackedBed.DriverEvents, PackedBed.DeviceEvents);
        const VirtQueueFeatures packed = VirtQueueFeatures.PackedRing;
        Should.Throw<ArgumentException>(() => new VirtQueue(memory, layout, packed, 0x8006));
        Should.Throw<ArgumentException>(() => new VirtQueue(memory, layout, packed, 0x8000, 0x7fff));
        new VirtQueue(memory, layout, packed, 0x8005, 0x0005).NextAvailable.ShouldBe((ushort)0x8005);
        Refused(layout with { Size = 0 }, VirtQueueErrorKind.InvalidSize);
        Refused(layout with { Size = 32769 }, VirtQueueErrorKind.InvalidSize);
        Refused(layout with { DescriptorTable = 0x1008 }, VirtQueueErrorKind.MisalignedRing);
        Refused(layout with { AvailableRing = 0x2002 }, VirtQueueErrorKind.MisalignedRing);
        Refused(layout with { UsedRing = QueueBed.MemorySize }, VirtQueueErrorKind.RingOutsideMemory);
        Refused(layout with { DescriptorTable = QueueBed.MemorySize - 80 }, VirtQueueErrorKind.RingOutsideMemory);
        layout.TryValidate(memory, VirtQueueFeatures.None, out VirtQueueError error).ShouldBeFalse("no power of two");
        error.Kind.ShouldBe(VirtQueueErrorKind.InvalidSize);

        void Refused(VirtQueueLayout wrong, VirtQueueErrorKind kind)
        {
            wrong.TryValidate(memory, packed, out VirtQueueError why).ShouldBeFalse();
            why.Kind.ShouldBe(kind);
        }
    }

    [Fact]
    public void Driver_is_notified_as_it_wishes()
    {
        using var bed = new PackedBed(features: VirtQueueFeatures.EventIndex);
        int place = 0;
        Serve(1);
        bed.Queue.ShouldNotify().ShouldBeTrue("the first time always");
        bed.Queue.ShouldNotify().ShouldBeFalse("nothing new");
        Wish(1, 0);
        Serve(1);
        bed.Queue.ShouldNotify().ShouldBeFalse("switched off");
        Wish(0, 0);
        Serve(1);
        bed.Queue.ShouldNotify().ShouldBeTrue("switched on");

        // At the place 5 of this lap, and then at the place 1 of the next.
        Wish(2, 0x8005);
        Serve(2);
        bed.Queue.ShouldNotify().ShouldBeFalse();
        Serve(1);
        bed.Queue.ShouldNotify().ShouldBeTrue();
        Wish(2, 0x0001);
        Serve(3);
        bed.Queue.ShouldNotify().ShouldBeFalse();
        Serve(1);
        bed.Queue.ShouldNotify().ShouldBeTrue();

        void Wish(uint flags, uint at) => bed.Memory.WriteUInt32LittleEndian(PackedBed.DriverEvents, at | (flags << 16));

        void Serve(int count)
        {
            for (int i = 0; i < count; i++, place++)
            {
                bed.Describe((ushort)(place % 8), Buffers, 8, place / 8 % 2 == 0 ? Available : Used);
                bed.Take();
                bed.Queue.Complete(bed.Chain, 0).ShouldBeTrue();
            }
        }
    }

    [Theory]
    [InlineData(VirtQueueFeatures.None, 0x0001_0000U, 0x0000_0000U)]
    [InlineData(VirtQueueFeatures.EventIndex, 0xffff_ffffU, 0x0002_8001U)]
    public void Device_says_when_it_is_to_be_notified(VirtQueueFeatures features, uint disabled, uint enabled)
    {
        using var bed = new PackedBed(features: features);
        bed.Memory.WriteUInt32LittleEndian(PackedBed.DeviceEvents, uint.MaxValue);
        bed.Describe(0, Buffers, 8, Available);
        bed.Queue.DisableNotifications();
        bed.Memory.ReadUInt32LittleEndian(PackedBed.DeviceEvents).ShouldBe(disabled);
        bed.Queue.EnableNotifications().ShouldBeTrue("there is one already");
        bed.Take();
        bed.Queue.EnableNotifications().ShouldBeFalse();
        bed.Memory.ReadUInt32LittleEndian(PackedBed.DeviceEvents).ShouldBe(enabled);
    }

    /// <summary>Against a walk that counts the places one by one.</summary>
    [Fact]
    public void Place_is_passed_when_a_walk_passes_it()
    {
        const ushort size = 5;
        for (int from = 0; from < 2 * size; from++)
        {
            for (int steps = 1; steps <= size; steps++)
            {
                for (int target = from - size + 1; target <= from + size; target++)
                {
                    bool passed = target >= from && target < from + steps;
                    int now = from + steps;
                    int wrapped = (target + (4 * size)) % (2 * size);
                    ushort number = (ushort)((wrapped % size) | (wrapped / size == 0 ? 0x8000 : 0));
                    var place = new PackedPosition((ushort)(now % size), now / size % 2 == 0);

                    // A driver asks for a place up to a lap ahead of what it has seen; what is ahead by then looks like one of two laps ago.
                    if (now - target <= size)
                    {
                        VirtQueue.IsPlacePassed(number, place, size, (uint)steps).ShouldBe(passed, $"from {from}, {steps} steps, {target}");
                    }
                }
            }
        }
    }

    [Fact]
    public void Full_fences_stand_between_a_store_and_the_look_at_the_other_side()
    {
        CallOrder.ShouldBeFenced(typeof(VirtQueue), "EnablePackedNotifications", before: ["WriteDeviceEvents"], after: ["LooksAvailable"]);
        CallOrder.ShouldBeFenced(typeof(VirtQueue), "ShouldNotifyPacked", before: [], after: [nameof(GuestMemory.TryVolatileRead)]);
        CallOrder.ShouldBeFenced(typeof(VirtQueueDriver), "NeedsPackedKick", before: [], after: [nameof(GuestMemory.VolatileRead)]);
    }
}
