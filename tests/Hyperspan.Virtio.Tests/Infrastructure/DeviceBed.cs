namespace Hyperspan.Virtio.Tests;

/// <summary>One queue of a device, and its driver, in one thread.</summary>
internal sealed class DeviceBed : IDisposable
{
    internal const ulong Data = 0x40000;

    private readonly IVirtioQueueHandler _handler;
    private readonly VirtQueue _queue;

    internal DeviceBed(IVirtioDevice device, int queue = 0, VirtQueueFeatures features = VirtQueueFeatures.EventIndex)
    {
        Driver = new VirtQueueDriver(Memory, 0x1000, 8, features);
        _queue = new VirtQueue(Memory, Driver.Layout, features);
        _handler = device.CreateQueueHandler(queue, device.OfferedFeatures);
        Overlapped.MayOverlap = true;
    }

    internal GuestMemory Memory { get; } = GuestMemory.Allocate(1 << 20);

    internal VirtQueueDriver Driver { get; }

    internal IOverlappedQueueHandler Overlapped => _handler.ShouldBeAssignableTo<IOverlappedQueueHandler>()!;

    internal VirtQueueError Error => _queue.Error;

    internal QueueProcessResult Process() => _handler.Process(_queue, CancellationToken.None);

    /// <summary>Makes one chain available and has it served.</summary>
    /// <returns>How much was written to it; <see langword="null"/> where it has not come back.</returns>
    internal uint? Serve(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        Driver.TryAdd(readable, writable, out _).ShouldBeTrue();
        Process();
        return Collect();
    }

    internal uint? Collect() => Driver.TryCollect(out VirtQueueCompletion completion) ? completion.Written : null;

    public void Dispose()
    {
        _handler.Dispose();
        Memory.Dispose();
    }
}
