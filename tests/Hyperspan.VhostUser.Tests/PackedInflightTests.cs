using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The record of a packed ring: a back end dies at any store, of the record or of the ring, and again while it recovers.</summary>
public class PackedInflightTests
{
    private const ushort Size = 8;
    private const ushort Room = 12;
    private const int Requests = 7;
    private const ulong Buffers = 0x4000;

    /// <summary>Nothing is lost, nothing is returned twice, and what was in flight is done again before anything newer. In one lap, and across the end of the ring.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(3, 5)]
    [InlineData(7, 12)]
    public void Wherever_it_dies_nothing_is_lost_and_nothing_is_returned_twice(int batch, int before)
    {
        int crashes = 0;
        for (int first = 0; ; first++)
        {
            int inRecovery = 0;
            bool crashed;
            do
            {
                using var bed = new Bed();
                bed.Prepare(before);
                crashed = bed.Work(batch, first);
                if (crashed)
                {
                    crashes++;
                    ulong[] left = [.. Enumerable.Range(0, Requests).Select(i => (ulong)i).Except(bed.Collect())];
                    bool again = bed.Work(batch, inRecovery);
                    inRecovery = again ? inRecovery + 7 : -1;
                    bed.Work(batch, int.MaxValue).ShouldBeFalse();
                    bed.Collect();
                    string where = $"died at {first}, then at {inRecovery}";
                    bed.Returned.Count.ShouldBe(before + Requests, where);
                    bed.Returned.Skip(before).Order().ShouldBe(Enumerable.Range(0, Requests).Select(i => (ulong)i), where);
                    bed.Returned.TakeLast(left.Length).Order().ToArray().ShouldBe(left, where);
                    bed.Driver.FreeDescriptors.ShouldBe(Size, where);
                }
            }
            while (crashed && inRecovery >= 0);
            if (!crashed)
            {
                break;
            }
        }

        crashes.ShouldBeGreaterThan(100);
    }

    /// <summary>What came first is done again first, though later ones were returned before and have been written over it.</summary>
    [Fact]
    public void Requests_are_done_again_in_the_order_in_which_they_were_taken()
    {
        using var bed = new Bed();
        bed.Prepare(0);
        (VirtQueue queue, _) = bed.Open(bed.Memory, bed.Record);
        var heads = new List<ushort>();
        var chain = new DescriptorChain();
        while (queue.TryTake(chain))
        {
            heads.Add(chain.Head);
        }

        foreach (int which in (int[])[6, 2, 4])
        {
            queue.Complete(heads[which], 1).ShouldBeTrue();
        }

        (queue, int pending) = bed.Open(bed.Memory, bed.Record);
        pending.ShouldBe(4);
        queue.UsedIndex.ShouldBe((ushort)0x8004);
        queue.NextAvailable.ShouldBe((ushort)0x0000);
        var again = new List<ulong>();
        while (queue.TryTake(chain))
        {
            chain.Readable.CreateReader().TryRead(out ulong number).ShouldBeTrue();
            again.Add(number);
            queue.Complete(chain, 1).ShouldBeTrue();
        }

        again.ShouldBe((ulong[])[0, 1, 3, 5]);
        bed.Collect();
        bed.Returned.ShouldBe((ulong[])[6, 2, 4, 0, 1, 3, 5]);
    }

    [Theory]
    [InlineData(8, 2, "unknown version 2")]
    [InlineData(16, 8, "of a ring of 8")]
    [InlineData(18, 300, "of a ring of 8")]
    [InlineData(32 + 6, 0, "a chain of 0 descriptors")]
    [InlineData(32 + 6, 9, "a chain of 9 descriptors")]
    [InlineData(32 + 6, 3, "twice, or of 12")]
    public void Record_that_makes_no_sense_is_refused(ulong offset, ushort value, string reason)
    {
        using var bed = new Bed();
        bed.Prepare(0);
        (VirtQueue queue, _) = bed.Open(bed.Memory, bed.Record);
        var chain = new DescriptorChain();
        queue.TryTake(chain).ShouldBeTrue();

        // The second entry of a chain that has one is past the record.
        bed.Record.Write(32 + 2, (ushort)500);
        bed.Record.Write(offset, value);
        Should.Throw<ProtocolViolation>(() => bed.Open(bed.Memory, bed.Record)).Message.ShouldContain(reason);
    }

    /// <summary>A list of the free that runs in a circle, and one that leads to what is in flight, which is then as good as free: it is taken from the ring again.</summary>
    [Fact]
    public void List_of_the_free_may_be_anything()
    {
        using var bed = new Bed();
        bed.Prepare(0);
        bed.Work(1, 20).ShouldBeTrue();
        bed.Record.Write(32 + (32 * 5) + 2, (ushort)5);
        bed.Record.Write(32 + (32 * 4) + 2, ushort.MaxValue);
        bed.Work(1, int.MaxValue).ShouldBeFalse();
        bed.Collect();
        bed.Returned.Count.ShouldBe(Requests);
    }

    private sealed class Bed : IDisposable
    {
        internal Bed()
        {
            Driver = new VirtQueueDriver(Memory, 0x1000, Size, VirtQueueFeatures.PackedRing);
        }

        internal GuestMemory Memory { get; } = GuestMemory.Allocate(0x8000);

        internal GuestMemory Record { get; } = GuestMemory.Allocate(PackedInflightQueue.LengthFor(Room));

        internal VirtQueueDriver Driver { get; }

        internal List<ulong> Returned { get; } = [];

        private Dictionary<ushort, ulong> Offered { get; } = [];

        /// <summary>Works through so many requests, and makes others available.</summary>
        internal void Prepare(int before)
        {
            for (int i = 0; i < before; i++)
            {
                Offer((ulong)(1000 + i));
                Work(1, int.MaxValue).ShouldBeFalse();
                Collect();
            }

            for (ulong number = 0; number < Requests; number++)
            {
                Offer(number);
            }
        }

        /// <summary>Works as a new back end until nothing is left, or it has stored so many times.</summary>
        /// <returns>Whether it died.</returns>
        internal bool Work(int batch, int stores)
        {
            var life = new Life(stores);
            using var memory = new GuestMemory(new MortalBacking(Memory, life), "mortal");
            using var record = new GuestMemory(new MortalBacking(Record, life), "record");
            (VirtQueue queue, _) = Open(memory, record);
            var chain = new DescriptorChain();
            while (!life.IsOver)
            {
                var heads = new List<ushort>();
                while (heads.Count < batch && queue.TryTake(chain))
                {
                    heads.Add(chain.Head);
                }

                queue.IsBroken.ShouldBeFalse(queue.Error.ToString());
                if (heads.Count == 0)
                {
                    break;
                }

                // The last first: descriptors of those that are left are written over.
                heads.Reverse();
                foreach (ushort head in heads)
                {
                    queue.Stage(head, 1).ShouldBeTrue();
                }

                queue.Publish().ShouldBeTrue();
                if (heads.Count > 1 && !life.IsOver)
                {
                    Collect();
                }
            }

            return life.IsOver;
        }

        internal (VirtQueue Queue, int Pending) Open(GuestMemory memory, GuestMemory record)
        {
            var inflight = new PackedInflightQueue(record, 0, Room);
            VringBase start = inflight.Recover(memory, Driver.Layout, VringBase.FreshPacked);
            var queue = new VirtQueue(memory, Driver.Layout, VirtQueueFeatures.PackedRing, start.Available, start.Used) { InflightTracker = inflight };
            return (queue, inflight.Resubmit(queue));
        }

        internal List<ulong> Collect()
        {
            while (Driver.TryCollect(out VirtQueueCompletion completion))
            {
                Offered.Remove(completion.Head, out ulong number).ShouldBeTrue();
                Returned.Add(number);
            }

            return Returned;
        }

        public void Dispose()
        {
            Memory.Dispose();
            Record.Dispose();
        }

        private void Offer(ulong number)
        {
            // Of one descriptor, but the last of two.
            ulong at = Buffers + (number % 16 * 16);
            Memory.Write(at, number);
            ChainSegment[] writable = number == Requests - 1 ? [new(at + 8, 1)] : [];
            Driver.TryAdd([new ChainSegment(at, 8)], writable, out ushort head).ShouldBeTrue();
            Offered[head] = number;
        }
    }

    /// <summary>After so many stores none has an effect any more: as if the process had been killed there.</summary>
    private sealed class Life(int stores)
    {
        private int _left = stores;

        internal bool IsOver { get; private set; }

        internal bool Store()
        {
            IsOver |= _left-- == 0;
            return !IsOver;
        }
    }

    /// <summary>Without a mapping, so that each store comes by.</summary>
    private sealed class MortalBacking(GuestMemory memory, Life life) : GuestMemoryBacking
    {
        public override ulong Length => memory.Last!.Value.Value + 1;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        protected override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            memory.Read(offset, destination);
            return BackingResult.Success;
        }

        protected override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
        {
            if (life.Store())
            {
                memory.Write(offset, source);
            }

            return BackingResult.Success;
        }

        /// <summary>Probes alone come by here.</summary>
        protected override BackingResult CompareExchangeFallback(ulong offset, Span<byte> current, ReadOnlySpan<byte> replacement, out bool exchanged)
        {
            exchanged = false;
            memory.Read(offset, current);
            return BackingResult.Success;
        }
    }
}
