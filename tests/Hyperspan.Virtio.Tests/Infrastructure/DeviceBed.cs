namespace Hyperspan.Virtio.Tests;

/// <summary>One queue of a device, and its driver, in one thread.</summary>
internal sealed class DeviceBed : IDisposable
{
    internal const ulong Data = 0x40000;

    private readonly IVirtioQueueHandler _handler;
    private readonly VirtQueue _queue;

    internal DeviceBed(IVirtioDevice device, int queue = 0, VirtQueueFeatures features = VirtQueueFeatures.EventIndex, GuestMemory? memory = null)
        : this(device.CreateQueueHandler(queue, device.OfferedFeatures), features, memory)
    {
    }

    internal DeviceBed(IVirtioQueueHandler handler, VirtQueueFeatures features = VirtQueueFeatures.EventIndex, GuestMemory? memory = null)
    {
        Memory = memory ?? GuestMemory.Allocate(1 << 20);
        Driver = new VirtQueueDriver(Memory, 0x1000, 8, features);
        _queue = new VirtQueue(Memory, Driver.Layout, features);
        _handler = handler;
        Overlapped.MayOverlap = true;
    }

    internal GuestMemory Memory { get; }

    internal VirtQueueDriver Driver { get; }

    internal IOverlappedQueueHandler Overlapped => _handler.ShouldBeAssignableTo<IOverlappedQueueHandler>()!;

    internal VirtQueueError Error => _queue.Error;

    /// <summary>Gets how many requests failed for their buffers.</summary>
    internal uint BufferFailures { get; private set; }

    /// <summary>Gets what the last of those met that was told.</summary>
    internal GuestMemoryFault? BufferFault { get; private set; }

    internal QueueProcessResult Process()
    {
        QueueProcessResult result = _handler.Process(_queue, CancellationToken.None);
        (result.BufferFailures != 0).ShouldBe(result.BufferFault is not null);
        BufferFailures += result.BufferFailures;
        BufferFault = result.BufferFault ?? BufferFault;
        return result;
    }

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
