using System.Diagnostics.CodeAnalysis;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>Serves the requests of one queue of a block device, one after the other.</summary>
internal sealed partial class BlockQueueHandler : IVirtioQueueHandler
{
    // With a notifier, the driver hears of what is done before the whole queue is: often enough that it can go on meanwhile, seldom enough that
    // interrupts do not eat what is won.
    private const int NotifyRequests = 8;
    private const ulong NotifyBytes = 256 * 1024;

    // What a request without a whole header is reported as.
    private const BlockRequestType UnknownType = (BlockRequestType)(-1);

    private readonly VirtioBlockDevice _device;
    private readonly IDiskChannel _channel;
    private readonly ulong _features;
    private readonly DescriptorChain _chain = new();
    private readonly BlockRange[] _ranges = new BlockRange[VirtioBlockDevice.MaxRanges];
    private ulong _bytes;

    // Of the request being served, for the report if it fails: its type, why the image failed, and whether the failure has been reported as that of a flush.
    private BlockRequestType _type;
    private int _errno;
    private bool _isReported;

    internal BlockQueueHandler(VirtioBlockDevice device, IDiskChannel channel, ulong features)
    {
        _device = device;
        _channel = channel;
        _features = features;
    }

    public QueueProcessResult Process(VirtQueue queue, CancellationToken stopping)
    {
        ArgumentNullException.ThrowIfNull(queue);
        uint requests = 0;
        uint notifiedRequests = 0;
        ulong notifiedBytes = 0;
        _bytes = 0;
        do
        {
            queue.DisableNotifications();
            while (!stopping.IsCancellationRequested && queue.TryTake(_chain))
            {
                if (!Serve(queue, out uint written) || !queue.Complete(_chain.Head, written))
                {
                    break;
                }

                requests++;
                if (queue.Notifier is { } notifier && (requests - notifiedRequests >= NotifyRequests || _bytes - notifiedBytes >= NotifyBytes))
                {
                    notifiedRequests = requests;
                    notifiedBytes = _bytes;
                    if (queue.ShouldNotify())
                    {
                        notifier.Notify();
                    }
                }
            }
        }
        while (queue.EnableNotifications() && !stopping.IsCancellationRequested);

        bool notify = queue.ShouldNotify();
        if (!queue.IsBroken)
        {
            return new QueueProcessResult(notify, requests, _bytes, null, null);
        }

        VirtQueueError error = queue.Error;
        return new QueueProcessResult(notify, requests, _bytes, error, error.Fault.IsFault ? error.Fault : null);
    }

    public void Dispose() => _channel.Dispose();

    /// <summary>Serves the request in the chain.</summary>
    /// <returns>Whether it can be completed; otherwise the queue is broken.</returns>
    [SuppressMessage("Design", "CA1031", Justification = "An image of somebody else's that throws fails the request, not the device.")]
    private bool Serve(VirtQueue queue, out uint written)
    {
        ulong room = _chain.Writable.Length;
        written = 0;
        if (room == 0)
        {
            queue.Break(new VirtQueueError(VirtQueueErrorKind.MissingResponse, _chain.Head));
            return false;
        }

        ChainReader reader = _chain.Readable.CreateReader();
        ChainWriter writer = _chain.Writable.CreateWriter();
        (_type, _errno, _isReported) = (UnknownType, ErrorNumber.None, false);
        BlockStatus status;
        GuestMemoryFault fault;
        ulong data;
        try
        {
            status = Execute(ref reader, ref writer, room - 1, out data, out fault);
        }
        catch (Exception)
        {
            (status, data, fault) = (BlockStatus.IoError, 0, default);
            _errno = ErrorNumber.InputOutput;
        }

        if (!fault.IsFault)
        {
            if (status != BlockStatus.Ok && !_isReported)
            {
                _device.Report(new BlockFailure(_type, status, _errno));
            }

            // The status is the last byte of the buffers, however they are cut. Where data was written the writer is just before it.
            if (status != BlockStatus.Ok || writer.Remaining != 1)
            {
                writer = _chain.Writable.CreateWriter();
                writer.TrySkip(room - 1);
            }

            if (writer.TryWrite((byte)status))
            {
                // Below 2^32, since a chain has no more than that with its header.
                written = (uint)(data + 1);
                return true;
            }

            fault = writer.Fault;
        }

        queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, _chain.Head, fault: fault));
        return false;
    }
}
