using System.Collections.Concurrent;

using Hyperspan.Virtio;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>A device that fills its buffers with a byte, at once, or when the test lets it.</summary>
internal sealed class HoldingDevice(int queues = 2) : IVirtioDevice
{
    private readonly ConcurrentQueue<QueueRequest> _held = [];

    public VirtioDeviceType DeviceType => (VirtioDeviceType)42;

    public ulong OfferedFeatures => VirtioFeatures.EveryQueue | VirtioFeatures.InOrder;

    public int QueueCount => queues;

    public ushort MaxQueueSize => 64;

    public int ConfigLength => 8;

    /// <summary>Gets or sets the queue whose requests are held; none if negative.</summary>
    internal int Holds { get; set; } = -1;

    internal int Held => _held.Count;

    internal ulong AcceptedFeatures { get; private set; }

    internal int LiveHandlers;

    internal int Cancellations;

    public void ReadConfig(uint offset, Span<byte> destination) => destination.Clear();

    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source) => false;

    public void AcceptFeatures(ulong acknowledgedFeatures) => AcceptedFeatures = acknowledgedFeatures;

    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures)
    {
        acknowledgedFeatures.ShouldBe(AcceptedFeatures);
        Interlocked.Increment(ref LiveHandlers);
        return new Handler(this, queueIndex);
    }

    public void Dispose()
    {
    }

    /// <summary>Completes all that is held.</summary>
    internal void Release()
    {
        while (_held.TryDequeue(out QueueRequest? request))
        {
            request.Complete(Fill(request));
        }
    }

    private static uint Fill(QueueRequest request)
    {
        ChainWriter writer = request.Writable.CreateWriter();
        return writer.TryFill(0xAB, writer.Remaining) ? (uint)request.Writable.Length : 0;
    }

    private sealed class Handler(HoldingDevice device, int index) : RequestQueueHandler
    {
        public override void CancelRequests()
        {
            Interlocked.Increment(ref device.Cancellations);
            base.CancelRequests();
        }

        protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
        {
            if (device.Holds == index)
            {
                written = 0;
                device._held.Enqueue(request);
                return false;
            }

            written = Fill(request);
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            Interlocked.Decrement(ref device.LiveHandlers);
        }
    }
}
