using System.Diagnostics;

namespace Hyperspan.Virtio.Tests;

/// <summary>A driver and a device in one thread: a kick has the device work until it finds nothing more.</summary>
internal sealed class BlockBed : IDisposable, IVirtQueueTransport
{
    internal const ulong Data = 0x40000;
    internal const ulong Slots = 0x20000;
    internal const ulong MemorySize = 1 << 20;
    internal const ulong All = ulong.MaxValue;

    private readonly bool _ownsDevice;

    internal BlockBed(
        IDiskImage image,
        VirtioBlockOptions? options = null,
        VirtQueueFeatures ring = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex,
        bool indirect = false,
        ulong accept = All,
        ushort size = 64,
        GuestMemory? memory = null,
        bool overlaps = false)
        : this(new VirtioBlockDevice(image, options), ring, indirect, accept, size, memory, overlaps) =>
        _ownsDevice = true;

    internal BlockBed(
        VirtioBlockDevice device,
        VirtQueueFeatures ring = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex,
        bool indirect = false,
        ulong accept = All,
        ushort size = 64,
        GuestMemory? memory = null,
        bool overlaps = false)
    {
        Device = device;
        Memory = memory ?? GuestMemory.Allocate(MemorySize);
        Queue = new VirtQueueDriver(Memory, 0x1000, size, ring, 16);
        DeviceQueue = new VirtQueue(Memory, Queue.Layout, ring);
        Handler = Device.CreateQueueHandler(0, accept & Device.OfferedFeatures);
        Handler.ShouldBeAssignableTo<IOverlappedQueueHandler>()!.MayOverlap = overlaps;
        Driver = new VirtioBlockDriver(Memory, Queue, Slots, this, indirect);
    }

    internal VirtioBlockDevice Device { get; }

    internal GuestMemory Memory { get; }

    internal VirtQueueDriver Queue { get; }

    internal VirtQueue DeviceQueue { get; }

    internal IVirtioQueueHandler Handler { get; }

    internal VirtioBlockDriver Driver { get; }

    internal QueueProcessResult Last { get; private set; }

    public void Kick() => Last = Handler.Process(DeviceQueue, CancellationToken.None);

    /// <summary>Waits for what is in flight. Whoever waits has kicked; unless requests may overlap, a kick returns when all is done.</summary>
    public bool Wait()
    {
        if (Handler is not IOverlappedQueueHandler { MayOverlap: true, InFlight: > 0 } handler)
        {
            return false;
        }

        // A part of a request that is done wakes it too.
        var clock = Stopwatch.StartNew();
        while (handler.Wait(null, null, 60_000) == QueueWake.None)
        {
            clock.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(1), "a request does not return");
        }

        Kick();
        return true;
    }

    internal BlockCompletion WaitForCompletion() => Driver.WaitForCompletion();

    /// <summary>Runs one request of buffers given by hand, header and status included.</summary>
    internal VirtQueueCompletion? Raw(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        Queue.TryAdd(readable, writable, out _).ShouldBeTrue();
        Kick();
        return Queue.TryCollect(out VirtQueueCompletion completion) ? completion : null;
    }

    internal void Header(GuestAddress at, uint type, ulong sector)
    {
        Memory.WriteUInt32LittleEndian(at, type);
        Memory.WriteUInt32LittleEndian(at + 4, 0);
        Memory.WriteUInt64LittleEndian(at + 8, sector);
    }

    internal void Range(GuestAddress at, ulong sector, uint sectors, uint flags)
    {
        Memory.WriteUInt64LittleEndian(at, sector);
        Memory.WriteUInt32LittleEndian(at + 8, sectors);
        Memory.WriteUInt32LittleEndian(at + 12, flags);
    }

    internal BlockCompletion Run(
        BlockRequestType type, ulong sector, ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        Driver.TrySubmit(type, sector, readable, writable, out ushort token).ShouldBeTrue();
        Driver.Kick();
        Driver.TryComplete(out BlockCompletion completion).ShouldBeTrue(DeviceQueue.Error.ToString());
        completion.Token.ShouldBe(token);
        return completion;
    }

    public void Dispose()
    {
        Handler.Dispose();
        if (_ownsDevice)
        {
            Device.Dispose();
        }

        Memory.Dispose();
    }
}
