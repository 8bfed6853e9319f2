using System.Buffers.Binary;
using Hyperspan.Devices;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Consumer.Tests;

/// <summary>Ordinary tasks: a register bank in an address space, a device of one's own on vhost-user.</summary>
public class DeviceTasks
{
    private const ulong Page = 4096;

    [Fact]
    public void Put_a_register_bank_into_an_address_space()
    {
        var registers = new uint[4];
        var space = new DeviceAddressSpace("bus");
        using GuestMemory ram = GuestMemory.Allocate(16 * Page);
        using IDisposable memory = space.AddMemory(ram);
        using IDisposable bank = space.AddHandler(
            new GuestRange(0xfee0_0000, 16),
            read: (offset, data) => BinaryPrimitives.WriteUInt32LittleEndian(data, registers[offset / 4]),
            write: (offset, data) => registers[offset / 4] = BinaryPrimitives.ReadUInt32LittleEndian(data),
            name: "bank");
        space.Write(0xfee0_0004, 0x1234u);
        registers.ShouldBe([0, 0x1234, 0, 0]);
        space.TryRead(0xfee0_0004, out uint value, out GuestMemoryFault fault).ShouldBeTrue();
        value.ShouldBe(0x1234u);
        space.TryWrite(0x100, 7UL, out fault).ShouldBeTrue();
        ram.Read<ulong>(0x100).ShouldBe(7UL);

        space.TryRead(0xfee0_0010, out value, out fault).ShouldBeFalse();
        (value, fault.Kind).ShouldBe((0u, GuestMemoryFaultKind.OutOfRange));
        space.TryWrite(0xfee0_0000, (byte)1, out fault).ShouldBeFalse();
        fault.Exception.ShouldBeOfType<ArgumentOutOfRangeException>();
    }

    [LinuxFact]
    public void Open_a_disk_by_its_path()
    {
        using var file = new TemporaryFile(new byte[8 << 20]);
        using (var device = new VirtioBlockDevice(file.Path, new VirtioBlockOptions { QueueCount = 2, ReadOnly = true }))
        {
            (device.Capacity, device.QueueCount, device.IsReadOnly).ShouldBe((8UL << 11, 2, true));
        }

        // The image is not left open, nor locked, where an option is refused.
        Should.Throw<ArgumentException>(() => new VirtioBlockDevice(file.Path, new VirtioBlockOptions { QueueCount = 0 }));
        using (RawDiskImage image = RawDiskImage.Open(file.Path, FileAccess.ReadWrite))
        {
            image.IsReadOnly.ShouldBeFalse();
        }

        Should.Throw<DiskImageException>(() => new VirtioBlockDevice(file.Path + ".missing"));
    }

    [LinuxFact]
    public async Task Serve_a_device_on_vhost_user()
    {
        string path = Path.Combine(Path.GetTempPath(), $"hs-{Guid.NewGuid():N}.sock");
        using var device = new Entropy();
        await using var server = new VhostUserServer(path, device);
        Task serving = server.RunAsync();

        var shared = new SharedBacking(16 * Page);
        using var memory = new GuestMemory(shared, "guest");
        using (VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(path))
        {
            frontend.Negotiate();
            frontend.SetMemory(VhostUserSharedMemory.Of(0, shared));
            var driver = new VirtQueueDriver(memory, new GuestAddress(Page), 16);
            using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
            driver.TryAdd([], [new ChainSegment(8 * Page, 64)], out _).ShouldBeTrue();
            queue.Kick();
            VirtQueueCompletion completion;
            while (!driver.TryCollect(out completion))
            {
                // A call may also come for nothing.
                queue.WaitForCall(TimeSpan.FromMinutes(2)).ShouldBeTrue();
            }

            completion.Written.ShouldBe(64u);
            memory.ReadArray<byte>(8 * Page, 64).ShouldBe(Enumerable.Range(0, 64).Select(i => (byte)i));
        }

        await server.DisposeAsync();
        await serving;
        File.Exists(path).ShouldBeFalse();
    }

    /// <summary>A device with one queue that fills every buffer.</summary>
    private sealed class Entropy : IVirtioDevice
    {
        public VirtioDeviceType DeviceType => VirtioDeviceType.Entropy;

        public ulong OfferedFeatures => VirtioFeatures.Version1;

        public int QueueCount => 1;

        public ushort MaxQueueSize => 64;

        public int ConfigLength => 0;

        public void ReadConfig(uint offset, Span<byte> destination) => destination.Clear();

        public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source) => false;

        public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures) => new Handler();

        public void Dispose()
        {
        }

        private sealed class Handler : IVirtioQueueHandler
        {
            public QueueProcessResult Process(VirtQueue queue, CancellationToken stopping)
            {
                var chain = new DescriptorChain();
                do
                {
                    while (queue.TryTake(chain))
                    {
                        uint length = (uint)chain.Writable.Length;
                        ChainWriter writer = chain.Writable.CreateWriter();
                        for (uint i = 0; i < length; i++)
                        {
                            writer.TryWrite((byte)i);
                        }

                        queue.Complete(chain, length);
                    }
                }
                while (queue.EnableNotifications());
                return new QueueProcessResult(queue.ShouldNotify(), 1, 64, queue.IsBroken ? queue.Error : null, null);
            }

            public void Dispose()
            {
            }
        }
    }
}
