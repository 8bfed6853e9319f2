using System.Collections.Concurrent;

namespace Hyperspan.Virtio.Tests;

/// <summary>Guests that write whatever they like into rings, tables and headers, also while the device reads them.</summary>
[Trait("Category", "slow")]
public class HostileGuestTests
{
    private static readonly bool LongRun = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";

    private static readonly ulong[] Addresses =
    [
        0, 16, 0x1000, 0x2000, BlockBed.Slots, BlockBed.Data, BlockBed.MemorySize - 512, BlockBed.MemorySize - 1, BlockBed.MemorySize,
        uint.MaxValue, 1UL << 32, 1UL << 63, ulong.MaxValue - 4095, ulong.MaxValue - 15, ulong.MaxValue,
    ];

    private static readonly uint[] Lengths = [0, 1, 15, 16, 17, 32, 512, 513, 1024, 4096, 0x10000, int.MaxValue, 0x8000_0000, uint.MaxValue - 15, uint.MaxValue];

    /// <summary>The device never throws, never hangs and comes to an end for every content of the rings; and it serves the next honest guest.</summary>
    [Fact]
    public void Random_rings()
    {
        var disk = new MemoryDisk(512 * 64);
        using var device = new VirtioBlockDevice(disk);
        using GuestMemory memory = GuestMemory.Allocate(BlockBed.MemorySize);
        using IVirtioQueueHandler handler = device.CreateQueueHandler(0, device.OfferedFeatures);
        const VirtQueueFeatures features = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex;
        var layout = new VirtQueueDriver(memory, 0x1000, 8, features).Layout;
        var kinds = new HashSet<VirtQueueErrorKind>();
        uint served = 0;
        for (int seed = 0; seed < (LongRun ? 1_000_000 : 30_000); seed++)
        {
            var random = new Random(seed);
            Scribble(memory, layout, random, structured: seed % 4 != 0, packed: false);
            var queue = new VirtQueue(memory, layout, features, (ushort)random.Next(4), (ushort)random.Next(ushort.MaxValue));
            QueueProcessResult result = default;
            Should.NotThrow(() => result = handler.Process(queue, CancellationToken.None), $"seed {seed}");
            result.Requests.ShouldBeLessThanOrEqualTo(8u, $"seed {seed}");
            queue.IsBroken.ShouldBe(result.Error is not null);
            kinds.Add(queue.Error.Kind);
            served += result.Requests;
        }

        // The guesses are good enough to get everywhere.
        served.ShouldBeGreaterThan(100u);
        kinds.ShouldBe(
            [
                VirtQueueErrorKind.None, VirtQueueErrorKind.AvailableIndexTooFar, VirtQueueErrorKind.HeadOutOfRange, VirtQueueErrorKind.NextOutOfRange,
                VirtQueueErrorKind.DescriptorLoop, VirtQueueErrorKind.NestedIndirect, VirtQueueErrorKind.IndirectWithNext,
                VirtQueueErrorKind.InvalidIndirectLength, VirtQueueErrorKind.IndirectOutsideMemory, VirtQueueErrorKind.ReadableAfterWritable,
                VirtQueueErrorKind.BufferOutsideMemory, VirtQueueErrorKind.MissingResponse,
            ],
            ignoreOrder: true);

        using var honest = new BlockBed(disk);
        honest.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
    }

    /// <summary>
    /// A thread of the guest changes a descriptor as fast as it can between good and bad values. The device writes 0x77 from its disk wherever a chain tells it to;
    /// nothing may turn up outside of the buffers that some good value names, and every chain taken consists of values that were written.
    /// </summary>
    [Fact]
    public void Descriptors_that_change_while_they_are_read()
    {
        const ulong first = 0x40000;
        const ulong second = 0x60000;
        const uint longest = 1024;
        var disk = new MemoryDisk(512 * 64);
        disk.Bytes.AsSpan().Fill(0x77);
        using var bed = new QueueBed();
        using var device = new VirtioBlockDevice(disk);
        using IVirtioQueueHandler handler = device.CreateQueueHandler(0, device.OfferedFeatures);
        bed.Describe(0, QueueBed.Buffers, 16, QueueBed.Next, 1);
        bed.Memory.Clear(QueueBed.Buffers, 16);
        bed.Describe(1, first, 512, QueueBed.Next | QueueBed.Write, 2); // Until the other thread has come.
        bed.Describe(2, QueueBed.Buffers + 16, 1, QueueBed.Write);
        ulong[] addresses = [first, second, QueueBed.MemorySize, ulong.MaxValue - 511];
        uint[] lengths = [512, longest, uint.MaxValue, 0xFFFF_FE00];
        ushort[] nexts = [2, 2, 2, 8];
        bool stop = false;
        var scribbler = new Thread(() =>
        {
            var random = new Random(1);
            GuestAddress at = bed.Layout.DescriptorTable + 16;
            while (!Volatile.Read(ref stop))
            {
                bed.Memory.WriteUInt64LittleEndian(at, addresses[random.Next(addresses.Length)]);
                ulong rest = lengths[random.Next(lengths.Length)]
                    | ((ulong)(QueueBed.Next | QueueBed.Write) << 32)
                    | ((ulong)nexts[random.Next(nexts.Length)] << 48);
                bed.Memory.WriteUInt64LittleEndian(at + 8, rest);
            }
        });
        scribbler.Start();
        var seen = new ConcurrentDictionary<VirtQueueErrorKind, int>();
        int served = 0;
        try
        {
            // On a busy machine the other thread may come late: until each kind was met.
            int rounds = LongRun ? 2_000_000 : 100_000;
            for (int i = 0; i < rounds || (seen.Count < 2 && i < 100 * rounds); i++)
            {
                bed.Offer(0);
                var spy = new DescriptorChain();
                if (i % 2 == 0)
                {
                    if (bed.Queue.TryTake(spy))
                    {
                        ChainSegment data = spy.Writable.Segments[0];
                        data.Address.Value.ShouldBeOneOf(first, second);
                        data.Length.ShouldBeOneOf(512u, longest);
                        bed.Queue.Complete(spy, 0).ShouldBeTrue();
                    }
                }
                else
                {
                    served += (int)handler.Process(bed.Queue, CancellationToken.None).Requests;
                }

                if (bed.Queue.IsBroken)
                {
                    seen.AddOrUpdate(bed.Queue.Error.Kind, 1, (_, count) => count + 1);
                    bed.Queue.Reset((ushort)(bed.Queue.NextAvailable + 1), bed.Queue.UsedIndex);
                }
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            scribbler.Join();
        }

        served.ShouldBeGreaterThan(0);
        seen.Keys.ShouldBe([VirtQueueErrorKind.BufferOutsideMemory, VirtQueueErrorKind.NextOutOfRange], ignoreOrder: true);
        var memory = new byte[QueueBed.MemorySize];
        bed.Memory.Read(0, memory);
        memory.AsSpan((int)first, (int)longest).Clear();
        memory.AsSpan((int)second, (int)longest).Clear();
        memory.AsSpan((int)QueueBed.Buffers).IndexOf((byte)0x77).ShouldBe(-1, "outside of every buffer that was named");
    }

    /// <summary>As <see cref="Random_rings"/>, of a packed queue, several laps of it without a reset in between.</summary>
    [Fact]
    public void Random_packed_rings()
    {
        const VirtQueueFeatures features = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex | VirtQueueFeatures.PackedRing;
        var disk = new MemoryDisk(512 * 64);
        using var device = new VirtioBlockDevice(disk);
        using GuestMemory memory = GuestMemory.Allocate(BlockBed.MemorySize);
        using IVirtioQueueHandler handler = device.CreateQueueHandler(0, device.OfferedFeatures);
        VirtQueueLayout layout = new VirtQueueDriver(memory, 0x1000, 8, features).Layout;
        var kinds = new HashSet<VirtQueueErrorKind>();
        uint served = 0;
        for (int seed = 0; seed < (LongRun ? 1_000_000 : 30_000); seed++)
        {
            var random = new Random(seed);
            Scribble(memory, layout, random, structured: seed % 4 != 0, packed: true);
            var queue = new VirtQueue(memory, layout, features, At(random), At(random));
            for (int lap = 0; lap < 3 && !queue.IsBroken; lap++)
            {
                QueueProcessResult result = default;
                Should.NotThrow(() => result = handler.Process(queue, CancellationToken.None), $"seed {seed}");
                served += result.Requests;
                Scribble(memory, layout, random, structured: seed % 4 != 0, packed: true);
            }

            kinds.Add(queue.Error.Kind);
        }

        // A list as long as the ring is seldom.
        served.ShouldBeGreaterThan(100u);
        kinds.Remove(VirtQueueErrorKind.DescriptorLoop);
        kinds.ShouldBe(
            [
                VirtQueueErrorKind.None, VirtQueueErrorKind.IndirectInList, VirtQueueErrorKind.IndirectWithNext,
                VirtQueueErrorKind.InvalidIndirectLength, VirtQueueErrorKind.IndirectOutsideMemory, VirtQueueErrorKind.ReadableAfterWritable,
                VirtQueueErrorKind.BufferOutsideMemory, VirtQueueErrorKind.MissingResponse,
            ],
            ignoreOrder: true);

        using var honest = new BlockBed(disk, ring: features);
        honest.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);

        static ushort At(Random random) => (ushort)(random.Next(8) | (random.Next(2) << 15));
    }

    /// <summary>A descriptor of a packed ring that changes as fast as it can: what is taken consists of values that were written.</summary>
    [Fact]
    public void Packed_descriptors_that_change_while_they_are_read()
    {
        const ulong first = 0x40000;
        const ulong second = 0x60000;
        using var bed = new PackedBed(size: 2, VirtQueueFeatures.None);
        ulong[] addresses = [first, second, QueueBed.MemorySize, ulong.MaxValue - 511];
        uint[] lengths = [512, 1024, uint.MaxValue, 0xFFFF_FE00];
        bool stop = false;
        var scribbler = new Thread(() =>
        {
            var random = new Random(1);
            while (!Volatile.Read(ref stop))
            {
                int which = random.Next(4);
                bed.Memory.WriteUInt64LittleEndian(PackedBed.Ring, addresses[random.Next(4)]);

                // The name goes with the length: both are of one load.
                bed.Memory.WriteUInt64LittleEndian(
                    PackedBed.Ring + 8,
                    PackedDescriptor.Pack(lengths[which], (ushort)which, (ushort)(PackedBed.Available | (random.Next(8) == 0 ? PackedBed.Used : QueueBed.Write))));
            }
        });
        scribbler.Start();
        var seen = new HashSet<VirtQueueErrorKind>();
        int served = 0;
        try
        {
            for (int i = 0; i < 200_000 || seen.Count == 0 || served == 0; i++)
            {
                bed.Queue.Reset();
                if (bed.Queue.TryTake(bed.Chain))
                {
                    served++;
                    ChainSegment data = bed.Chain.Writable.Segments[0];
                    data.Address.Value.ShouldBeOneOf(first, second);
                    data.Length.ShouldBeOneOf(512u, 1024u);
                }
                else if (bed.Queue.IsBroken)
                {
                    seen.Add(bed.Queue.Error.Kind);
                }
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            scribbler.Join();
        }

        seen.ShouldBe([VirtQueueErrorKind.BufferOutsideMemory]);
    }

    /// <summary>A header that changes: the sector that is checked is the sector that is used, or else the disk's array is left.</summary>
    [Fact]
    public void Headers_that_change_while_they_are_read()
    {
        var disk = new MemoryDisk(512 * 4);
        using var bed = new BlockBed(disk);
        bed.Memory.Fill(BlockBed.Data, 0, 0x1000);
        bool stop = false;
        var scribbler = new Thread(() =>
        {
            for (ulong i = 0; !Volatile.Read(ref stop); i++)
            {
                bed.Memory.WriteUInt64LittleEndian(BlockBed.Data + 8, i % 3 == 0 ? ulong.MaxValue - i : i % 4);
            }
        });
        scribbler.Start();
        try
        {
            for (int i = 0; i < 50_000; i++)
            {
                bed.Raw([new(BlockBed.Data, 16)], [new(BlockBed.Data + 0x1000, 513)]).ShouldNotBeNull();
                bed.Memory.Read<byte>(BlockBed.Data + 0x1000 + 512).ShouldBeLessThanOrEqualTo((byte)BlockStatus.IoError);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            scribbler.Join();
        }
    }

    private static void Scribble(GuestMemory memory, VirtQueueLayout layout, Random random, bool structured, bool packed)
    {
        // Descriptors of the queue and, at addresses that they like to name, of indirect tables; headers among them.
        ulong[] tables = [layout.DescriptorTable.Value, 0x2000, BlockBed.Slots, BlockBed.Data];
        foreach (ulong table in tables)
        {
            for (uint i = 0; i < layout.Size; i++)
            {
                GuestAddress at = table + (16 * i);
                if (!structured)
                {
                    memory.Write(at, random.NextInt64());
                    memory.Write(at + 8, random.NextInt64());
                    continue;
                }

                memory.WriteUInt64LittleEndian(at, random.Next(3) > 0 ? BlockBed.Data : Addresses[random.Next(Addresses.Length)]);
                memory.WriteUInt32LittleEndian(at + 8, random.Next(3) > 0 ? 16u << random.Next(7) : Lengths[random.Next(Lengths.Length)]);
                int flags = random.Next(4) > 0 ? random.Next(4) : random.Next(8);
                int other = random.Next(10);
                memory.WriteUInt16LittleEndian(at + 12, (ushort)(packed ? other : flags));
                memory.WriteUInt16LittleEndian(at + 14, (ushort)(packed ? flags | (random.Next(4) << 7 & 0x80) | (random.Next(2) << 15) : other));
            }
        }

        if (structured)
        {
            memory.WriteUInt32LittleEndian(BlockBed.Data, (uint)random.Next(15));
            memory.WriteUInt64LittleEndian(BlockBed.Data + 8, (ulong)random.Next(70));
        }

        if (packed)
        {
            memory.WriteUInt32LittleEndian(layout.AvailableRing, (uint)random.Next());
            return;
        }

        memory.WriteUInt16LittleEndian(layout.AvailableRing + 2, (ushort)(structured ? random.Next(12) : random.Next(ushort.MaxValue)));
        for (uint i = 0; i < layout.Size; i++)
        {
            memory.WriteUInt16LittleEndian(layout.AvailableRing + 4 + (2 * i), (ushort)random.Next(9));
        }
    }
}
