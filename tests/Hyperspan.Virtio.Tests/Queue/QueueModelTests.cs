namespace Hyperspan.Virtio.Tests;

/// <summary>A driver and a device over every kind of ring: random chains, returned in random batches and in any order, arrive once each with what was written.</summary>
public class QueueModelTests
{
    private const ulong Buffers = 0x80000;

    public static TheoryData<VirtQueueFeatures, ushort> Rings { get; } = CreateRings();

    [Theory]
    [MemberData(nameof(Rings))]
    public void Every_chain_comes_back_once(VirtQueueFeatures features, ushort size)
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        var driver = new VirtQueueDriver(memory, 0x1000, size, features, indirectEntries: 4);
        var queue = new VirtQueue(memory, driver.Layout, features);
        var random = new Random(size);
        var offered = new Dictionary<ushort, uint>();
        var taken = new List<(ushort Head, ulong Tag)>();
        var chain = new DescriptorChain();
        int returned = 0;
        uint tag = 1;
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(4))
            {
                case 0 when offered.Count < size:
                    Offer();
                    break;
                case 1 when queue.TryTake(chain):
                    chain.Readable.CreateReader().TryRead(out ulong read).ShouldBeTrue();
                    taken.Add((chain.Head, read));
                    break;
                case 2:
                    Return();
                    break;
                default:
                    while (driver.TryCollect(out VirtQueueCompletion completion))
                    {
                        offered.Remove(completion.Head, out uint expected).ShouldBeTrue();
                        completion.Written.ShouldBe(expected);
                        returned++;
                    }

                    break;
            }

            queue.IsBroken.ShouldBeFalse(queue.Error.ToString());
        }

        returned.ShouldBeGreaterThan(1000);
        queue.InFlight.ShouldBe(taken.Count + (int)Held());

        void Offer()
        {
            bool indirect = (features & VirtQueueFeatures.IndirectDescriptors) != 0 && random.Next(2) == 0;
            int more = random.Next(Math.Min(3, (int)size));
            ulong at = Buffers + (tag % 1000 * 16);
            memory.Write(at, (ulong)tag);
            ChainSegment[] writable = [.. Enumerable.Range(0, more).Select(i => new ChainSegment(Buffers + 0x10000, 8))];
            if (driver.TryAdd([new ChainSegment(at, 8)], writable, out ushort head, indirect))
            {
                offered.ContainsKey(head).ShouldBeFalse();
                offered[head] = tag++;
            }
        }

        void Return()
        {
            int count = random.Next(taken.Count + 1);
            for (int i = 0; i < count; i++)
            {
                int which = random.Next(taken.Count);
                queue.Stage(taken[which].Head, (uint)taken[which].Tag).ShouldBeTrue();
                taken.RemoveAt(which);
            }

            queue.Publish().ShouldBeTrue();
        }

        // In order, what is done is held until all before it are.
        long Held() => (features & VirtQueueFeatures.InOrder) == 0 ? 0 : queue.InFlight - taken.Count;
    }

    [Theory]
    [InlineData(VirtQueueFeatures.InOrder)]
    [InlineData(VirtQueueFeatures.InOrder | VirtQueueFeatures.PackedRing)]
    public void Chains_in_order_are_held_until_all_before_them_are_done(VirtQueueFeatures features)
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        var driver = new VirtQueueDriver(memory, 0x1000, 8, features);
        var queue = new VirtQueue(memory, driver.Layout, features);
        var chains = new DescriptorChain[3];
        for (int i = 0; i < 3; i++)
        {
            driver.TryAdd([], [new ChainSegment(Buffers, 8)], out _).ShouldBeTrue();
            queue.TryTake(chains[i] = new DescriptorChain()).ShouldBeTrue();
        }

        queue.Complete(chains[2], 2).ShouldBeTrue();
        queue.Complete(chains[1], 1).ShouldBeTrue();
        driver.TryCollect(out _).ShouldBeFalse();
        queue.InFlight.ShouldBe(3);
        Should.Throw<InvalidOperationException>(() => queue.Complete(chains[1], 1));
        queue.Complete(chains[0], 8).ShouldBeTrue();
        foreach (uint written in (uint[])[8, 1, 2])
        {
            driver.TryCollect(out VirtQueueCompletion completion).ShouldBeTrue();
            completion.Written.ShouldBe(written);
        }

        queue.InFlight.ShouldBe(0);
    }

    [Fact]
    public void Head_that_is_in_flight_already_breaks_a_queue_that_returns_in_order()
    {
        using var bed = new QueueBed(VirtQueueFeatures.InOrder);
        bed.Describe(0, QueueBed.Buffers, 8);
        bed.Offer(0, 0);
        bed.Queue.TryTake(bed.Chain).ShouldBeTrue();
        bed.ShouldBreak(VirtQueueErrorKind.HeadInFlight, 0);
    }

    private static TheoryData<VirtQueueFeatures, ushort> CreateRings()
    {
        var rings = new TheoryData<VirtQueueFeatures, ushort>();
        for (int bits = 0; bits < 16; bits++)
        {
            var features = (VirtQueueFeatures)bits;
            rings.Add(features, 8);
            if ((features & VirtQueueFeatures.PackedRing) != 0)
            {
                rings.Add(features, 7);
                rings.Add(features, 1);
            }
        }

        return rings;
    }
}
