using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio.Tests;

/// <summary>Memory from a peer that shrinks it at the worst moment: the device reports it, and nothing else happens.</summary>
public class TruncatedMemoryTests
{
    [Theory]
    [InlineData(0x40000, true)] // what is to be read into
    [InlineData(0x40000, false)] // what is to be written from
    [InlineData(0x20000, true)] // header and status
    [InlineData(0x1000, true)] // the rings
    public void Is_a_fault_of_the_queue(long left, bool read)
    {
        using var file = new TemporaryFile(1 << 20);
        using var image = new TemporaryFile(1 << 20);
        using SafeFileHandle handle = File.OpenHandle(file.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using GuestMemory memory = new(new ForeignBacking(handle, 0, 1 << 20), "peer");
        using var device = new VirtioBlockDevice(RawDiskImage.Open(image.Path));
        var rings = new VirtQueueDriver(memory, 0x1000, 8);
        var queue = new VirtQueue(memory, rings.Layout);
        using IVirtioQueueHandler handler = device.CreateQueueHandler(0, device.OfferedFeatures);
        var transport = new Inline(() => default);
        var driver = new VirtioBlockDriver(memory, rings, 0x20000, transport);
        ChainSegment[] data = [new(0x3F000, 0x2000)];
        (read ? driver.TrySubmitRead(0, data, out _) : driver.TrySubmitWrite(0, data, out _)).ShouldBeTrue();

        RandomAccess.SetLength(handle, left);
        QueueProcessResult result = handler.Process(queue, CancellationToken.None);

        result.Requests.ShouldBe(0u);
        result.Error!.Value.Kind.ShouldBe(left == 0x1000 ? VirtQueueErrorKind.RingFault : VirtQueueErrorKind.BufferFault);
        GuestMemoryFault fault = result.MemoryFault!.Value;
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped, fault.ToString());
        fault.Address!.Value.Value.ShouldBeGreaterThanOrEqualTo((ulong)left);
        handler.Process(queue, CancellationToken.None).Error.ShouldNotBeNull("it stays broken");

        // The device serves the next guest.
        using GuestMemory honest = GuestMemory.Allocate(1 << 20);
        var nextRings = new VirtQueueDriver(honest, 0x1000, 8);
        var nextQueue = new VirtQueue(honest, nextRings.Layout);
        var next = new VirtioBlockDriver(honest, nextRings, 0x20000, new Inline(() => handler.Process(nextQueue, default)));
        next.Read(0, 0x40000, 4096).ShouldBe(BlockStatus.Ok);
    }

    private sealed class Inline(Func<QueueProcessResult> kick) : IVirtQueueTransport
    {
        public void Kick() => kick();

        public bool Wait() => false;
    }
}
