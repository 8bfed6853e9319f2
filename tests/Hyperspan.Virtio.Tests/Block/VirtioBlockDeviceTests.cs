using System.Buffers.Binary;

namespace Hyperspan.Virtio.Tests;

/// <summary>The device as a whole: features, configuration, queues.</summary>
public class VirtioBlockDeviceTests
{
    private const ulong Ring = VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.PackedRing;

    [Fact]
    public void Features()
    {
        using var one = new VirtioBlockDevice(new MemoryDisk(512));
        one.DeviceType.ShouldBe(VirtioDeviceType.Block);
        one.OfferedFeatures.ShouldBe(
            Ring | (1 << 2) | (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 13) | (1 << 14));
        using var readOnly = new VirtioBlockDevice(new MemoryDisk(512, readOnly: true), new VirtioBlockOptions { QueueCount = 2 });
        readOnly.OfferedFeatures.ShouldBe(Ring | (1 << 2) | (1 << 5) | (1 << 6) | (1 << 9) | (1 << 10) | (1 << 12));
        using var bare = new VirtioBlockDevice(new MemoryDisk(512, readOnly: true), new VirtioBlockOptions { FeatureMask = 0 });
        bare.OfferedFeatures.ShouldBe(VirtioFeatures.Version1 | VirtioBlockFeatures.ReadOnly);
    }

    [Fact]
    public void Configuration()
    {
        using var device = new VirtioBlockDevice(new MemoryDisk(40960), new VirtioBlockOptions { QueueCount = 3, MaxSegments = 30 });
        device.ConfigLength.ShouldBe(60);
        var config = new byte[64];
        config.AsSpan().Fill(0xEE);
        device.ReadConfig(0, config);
        BinaryPrimitives.ReadUInt64LittleEndian(config).ShouldBe(80UL);
        U32(8).ShouldBe(0u);
        U32(12).ShouldBe(30u);
        U32(20).ShouldBe(512u);
        config[24].ShouldBe((byte)3, "eight logical blocks a physical one");
        config[25].ShouldBe((byte)0);
        U16(26).ShouldBe((ushort)8);
        U32(28).ShouldBe(0u);
        config[32].ShouldBe((byte)1);
        U16(34).ShouldBe((ushort)3);
        U32(36).ShouldBe(4194304u);
        U32(40).ShouldBe(32u);
        U32(44).ShouldBe(8u);
        U32(48).ShouldBe(131072u);
        U32(52).ShouldBe(32u);
        config[56].ShouldBe((byte)1);
        U32(60).ShouldBe(0u, "past the end");

        var part = new byte[3];
        device.ReadConfig(12, part);
        part.ShouldBe([30, 0, 0]);
        device.ReadConfig(uint.MaxValue, part);
        part.ShouldBe([0, 0, 0]);

        uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(offset));
        ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(offset));
    }

    [Theory]
    [InlineData(0, new byte[] { 1 })]
    [InlineData(31, new byte[] { 0, 0 })]
    [InlineData(32, new byte[] { 2 })]
    [InlineData(32, new byte[] { 0, 0 })]
    [InlineData(32, new byte[0])]
    [InlineData(uint.MaxValue, new byte[] { 0 })]
    public void The_rest_of_the_configuration_is_read_only(uint offset, byte[] bytes)
    {
        using var device = new VirtioBlockDevice(new MemoryDisk(512));
        device.TryWriteConfig(offset, bytes).ShouldBeFalse();
        var writeback = new byte[1];
        device.ReadConfig(32, writeback);
        writeback[0].ShouldBe((byte)1);
    }

    [Theory]
    [InlineData(VirtioBlockFeatures.ConfigWriteback, 0)]
    [InlineData(VirtioBlockFeatures.ConfigWriteback | VirtioBlockFeatures.Flush, 1)]
    [InlineData(VirtioBlockFeatures.Flush, 1)]
    [InlineData(0UL, 1)]
    public void The_cache_begins_as_the_features_say_and_a_reset_forgets_what_was_chosen(ulong features, byte initial)
    {
        using var device = new VirtioBlockDevice(new MemoryDisk(512));
        device.AcceptFeatures(features | VirtioFeatures.Version1);
        Writeback().ShouldBe(initial);
        device.TryWriteConfig(32, [(byte)(1 - initial)]).ShouldBeTrue();
        device.AcceptFeatures(features | VirtioFeatures.Version1);
        Writeback().ShouldBe((byte)(1 - initial), "the driver has chosen");
        device.Reset();
        Writeback().ShouldBe((byte)1);
        device.AcceptFeatures(features | VirtioFeatures.Version1);
        Writeback().ShouldBe(initial);

        byte Writeback()
        {
            var value = new byte[1];
            device.ReadConfig(32, value);
            return value[0];
        }
    }

    [Theory]
    [InlineData(512, 512, 0)]
    [InlineData(512, 16384, 5)]
    [InlineData(4096, 4096, 0)]
    public void The_guest_is_told_the_physical_block_size(int logical, int physical, byte exponent)
    {
        using var device = new VirtioBlockDevice(new MemoryDisk(1 << 20), new VirtioBlockOptions { LogicalBlockSize = logical, PhysicalBlockSize = physical });
        var config = new byte[60];
        device.ReadConfig(0, config);
        config[24].ShouldBe(exponent);
        BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(26)).ShouldBe((ushort)(physical / logical), "the least that is written at a time");
        BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(44)).ShouldBe((uint)physical / 512, "the alignment of a discard");
    }

    [Fact]
    public void Options_are_checked()
    {
        Refused(new VirtioBlockOptions { PhysicalBlockSize = 256 });
        Refused(new VirtioBlockOptions { PhysicalBlockSize = 3000 });
        Refused(new VirtioBlockOptions { QueueCount = 0 });
        Refused(new VirtioBlockOptions { QueueCount = 257 });
        Refused(new VirtioBlockOptions { MaxQueueSize = 100 });
        Refused(new VirtioBlockOptions { Id = "twenty-one characters" });
        Refused(new VirtioBlockOptions { Id = "naïve" });
        Refused(new VirtioBlockOptions { LogicalBlockSize = 256 });
        Refused(new VirtioBlockOptions { LogicalBlockSize = 8192 });
        Refused(new VirtioBlockOptions { LogicalBlockSize = 4096 });
        Refused(new VirtioBlockOptions { MaxSegments = 0 });
        using var device = new VirtioBlockDevice(new MemoryDisk(512));
        Should.Throw<ArgumentOutOfRangeException>(() => device.CreateQueueHandler(1, 0));

        static void Refused(VirtioBlockOptions options) =>
            Should.Throw<ArgumentException>(() => new VirtioBlockDevice(new MemoryDisk(512), options));
    }

    [Fact]
    public void Stopping_ends_between_requests()
    {
        using var bed = new BlockBed(new MemoryDisk(512 * 64));
        using var stop = new CancellationTokenSource();
        for (int i = 0; i < 3; i++)
        {
            bed.Driver.TrySubmitRead(0, [new(BlockBed.Data, 512)], out _).ShouldBeTrue();
        }

        stop.Cancel();
        bed.Handler.Process(bed.DeviceQueue, stop.Token).Requests.ShouldBe(0u);
        bed.DeviceQueue.NextAvailable.ShouldBe((ushort)0);

        stop.Dispose();
        using var other = new CancellationTokenSource();
        bed.DeviceQueue.InflightTracker = new StopAfter(other, 2);
        bed.Handler.Process(bed.DeviceQueue, other.Token).Requests.ShouldBe(2u);
        bed.DeviceQueue.InFlight.ShouldBe(0);
        bed.Kick();
        bed.Last.Requests.ShouldBe(1u);
    }

    [Fact]
    public void A_notifier_is_told_on_the_way()
    {
        using var bed = new BlockBed(new MemoryDisk(512 * 64), size: 128);
        var notifier = new CountingNotifier();
        bed.DeviceQueue.Notifier = notifier;
        bed.Queue.EnableCallbacks();
        for (int i = 0; i < 40; i++)
        {
            bed.Driver.TrySubmitRead(0, [new(BlockBed.Data, 512)], out _).ShouldBeTrue();
        }

        bed.Kick();
        notifier.Count.ShouldBe(1, "event index: it asked for the first alone");
        bed.Last.Requests.ShouldBe(40u);
        bed.Last.Notify.ShouldBeFalse();
    }

    [Fact]
    public async Task Queues_are_served_concurrently()
    {
        const int queues = 4;
        const int rounds = 300;
        var disk = new MemoryDisk(queues * rounds * 512);
        using var device = new VirtioBlockDevice(disk, new VirtioBlockOptions { QueueCount = queues });
        using GuestMemory memory = GuestMemory.Allocate(queues * 0x40000UL);
        await Task.WhenAll(Enumerable.Range(0, queues).Select(i => Task.Run(() => Work(i))));
        for (int sector = 0; sector < queues * rounds; sector++)
        {
            BinaryPrimitives.ReadInt32LittleEndian(disk.Bytes.AsSpan(sector * 512)).ShouldBe(sector + 1);
        }

        disk.Channels.ShouldBe(queues);

        void Work(int index)
        {
            ulong start = (ulong)index * 0x40000;
            const VirtQueueFeatures features = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex;
            var rings = new VirtQueueDriver(memory, start, 16, features);
            var queue = new VirtQueue(memory, rings.Layout, features);
            using IVirtioQueueHandler handler = device.CreateQueueHandler(index, device.OfferedFeatures);
            var driver = new VirtioBlockDriver(memory, rings, start + 0x10000, new Inline(() => handler.Process(queue, default)), indirect: true);
            GuestAddress data = start + 0x20000;
            for (int round = 0; round < rounds; round++)
            {
                int sector = (round * queues) + index;
                memory.Write(data, sector + 1);
                driver.Write((ulong)sector, data, 512).ShouldBe(BlockStatus.Ok);
                memory.Fill(data, 0, 512);
                driver.Read((ulong)sector, data, 512).ShouldBe(BlockStatus.Ok);
                memory.Read<int>(data).ShouldBe(sector + 1);
            }
        }
    }

    [Theory]
    [InlineData(BlockRequestType.Discard, 1u << 22, BlockStatus.Ok)]
    [InlineData(BlockRequestType.Discard, (1u << 22) + 1, BlockStatus.IoError)]
    [InlineData(BlockRequestType.WriteZeroes, 1u << 17, BlockStatus.Ok)]
    [InlineData(BlockRequestType.WriteZeroes, (1u << 17) + 1, BlockStatus.IoError)]
    public void Ranges_are_limited_as_the_configuration_says(BlockRequestType type, uint sectors, BlockStatus status)
    {
        using var file = new TemporaryFile(8L << 30);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path));
        bed.Range(BlockBed.Data, 0, sectors, type == BlockRequestType.WriteZeroes ? 1u : 0);
        bed.Run(type, 0, [new(BlockBed.Data, 16)], []).Status.ShouldBe(status);
    }

    private sealed class StopAfter(CancellationTokenSource source, int count) : IInflightTracker
    {
        private int _left = count;

        public void OnTaken(ushort head)
        {
        }

        public void OnCompleting(ushort head)
        {
        }

        public void OnCompleted(ushort usedIndex)
        {
            if (--_left == 0)
            {
                source.Cancel();
            }
        }
    }

    private sealed class CountingNotifier : IVirtQueueNotifier
    {
        internal int Count { get; private set; }

        public void Notify() => Count++;
    }

    private sealed class Inline(Action kick) : IVirtQueueTransport
    {
        public void Kick() => kick();

        public bool Wait() => false;
    }
}
