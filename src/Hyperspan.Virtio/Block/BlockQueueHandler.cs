using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>Serves the requests of one queue of a block device. What need not wait is done at once; the rest overlaps.</summary>
internal sealed partial class BlockQueueHandler : RequestQueueHandler
{
    // What a request without a whole header is reported as.
    private const BlockRequestType UnknownType = (BlockRequestType)(-1);

    private readonly IDiskChannel _channel;
    private readonly ulong _features;
    private readonly List<BlockRequest> _made = [];
    private bool _isEnding;

    internal BlockQueueHandler(VirtioBlockDevice device, IDiskChannel channel, ulong features)
    {
        Device = device;
        _channel = channel;
        _features = features;
    }

    internal VirtioBlockDevice Device { get; }

    /// <inheritdoc/>
    public override QueueWake Wait(SafeHandle? kick, SafeHandle? stopping, int timeoutMilliseconds) =>
        _channel is RawDiskChannel { IsWaiting: true } channel
            ? channel.Wait(this, kick, stopping, timeoutMilliseconds)
            : base.Wait(kick, stopping, timeoutMilliseconds);

    /// <inheritdoc/>
    public override bool MayOverlap
    {
        get => base.MayOverlap;
        set
        {
            base.MayOverlap = value;
            (_channel as RawDiskChannel)?.MayOverlap = value;
        }
    }

    /// <inheritdoc/>
    public override void CancelRequests()
    {
        // Nothing is held any more: what fails from now on is told.
        _isEnding = true;
        base.CancelRequests();
        Device.GiveUp(this);
    }

    /// <inheritdoc/>
    public override void Rest() => (_channel as RawDiskChannel)?.Rest();

    /// <inheritdoc/>
    public override void Abandon() => Device.Forsake(this);

    /// <summary>Whether a request in flight changes any byte of a range, now or when it comes back. By any thread: what is in flight does not become more.</summary>
    internal bool MayStillWrite(ulong offset, ulong length)
    {
        lock (_made)
        {
            return _made.Exists(request => request.StartedAt != 0 && request.MayWrite(offset, length));
        }
    }

    /// <summary>Has the thread of the queue look whether it may go on. By any thread.</summary>
    internal void LookAgain() => Wake();

    /// <inheritdoc/>
    protected override bool MayTake => Device.MayTake(this);

    protected override QueueRequest CreateRequest()
    {
        var made = new BlockRequest(this);
        lock (_made)
        {
            _made.Add(made);
        }

        return made;
    }

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1031", Justification = "An image of somebody else's that throws fails the request, not the device.")]
    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        var block = (BlockRequest)request;
        written = 0;
        if (block.Writable.Length == 0)
        {
            queue.Break(new VirtQueueError(VirtQueueErrorKind.MissingResponse, block.Chain.Head));
            return true;
        }

        (block.Type, block.Step, block.Status, block.Fault, block.Errno, block.IsReported, block.Data) =
            (UnknownType, BlockStep.Done, BlockStatus.Ok, default, ErrorNumber.None, false, 0);
        block.BeganAt = BlockMetrics.Begin();
        block.IsGivenUp = _isEnding = false;
        bool isDone;
        try
        {
            isDone = Begin(block);
        }
        catch (Exception)
        {
            isDone = Fail(block, ErrorNumber.InputOutput);
        }

        return TryEnd(queue, block, isDone, out written);
    }

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1031", Justification = "An image of somebody else's that throws fails the request, not the device.")]
    private protected override bool TryFinish(VirtQueue queue, QueueRequest request, out uint written)
    {
        var block = (BlockRequest)request;
        bool isDone;
        try
        {
            isDone = Continue(block);
        }
        catch (Exception)
        {
            isDone = Fail(block, ErrorNumber.InputOutput);
        }

        return TryEnd(queue, block, isDone, out written);
    }

    private protected override void EndBatch() => _channel.Submit();

    private protected override void Reap() => (_channel as RawDiskChannel)?.Reap();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Device.Forget(this);
            _channel.Dispose();
            _made.ForEach(static request => request.Dispose());
        }

        base.Dispose(disposing);
    }

    /// <summary>Ends a request that is done, unless it is held.</summary>
    private bool TryEnd(VirtQueue queue, BlockRequest block, bool isDone, out uint written)
    {
        bool isEnded = isDone && !TryHold(block);
        written = isEnded ? End(queue, block) : 0;
        return isEnded;
    }

    /// <summary>Does with a request that the image failed what the device is to do with it.</summary>
    /// <returns>Whether it waits to be tried again.</returns>
    private bool TryHold(BlockRequest block)
    {
        if (block.Status != BlockStatus.IoError || block.Errno == ErrorNumber.None || block.IsReported || block.Fault.IsFault)
        {
            return false;
        }

        switch (Device.PolicyFor(block.Type))
        {
            case DiskErrorPolicy.Ignore:
                Device.Report(new BlockFailure(block.Type, block.Status, block.Errno));
                block.Status = BlockStatus.Ok;
                block.Data = block.Type == BlockRequestType.Read ? block.Transfer.Total : 0;
                return false;
            case DiskErrorPolicy.Stop:
            case DiskErrorPolicy.StopWhenFull when block.Errno == ErrorNumber.NoSpace:
                // Whoever waits for one request after the other could not be stopped meanwhile.
                if (!MayOverlap || _isEnding)
                {
                    return false;
                }

                block.IsReported = true;
                block.Step = BlockStep.Held;
                Device.Hold(block);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Whether it is not the buffer that is refused: the guest's memory has gone under the device, as its owner never lets it.</summary>
    private static bool IsGone(in GuestMemoryFault fault) => fault.Kind is GuestMemoryFaultKind.Unmapped or GuestMemoryFaultKind.Disposed;

    /// <summary>Writes the status.</summary>
    /// <returns>How many bytes were written in all.</returns>
    private uint End(VirtQueue queue, BlockRequest block)
    {
        GuestMemoryFault fault = block.Fault;
        if (!fault.IsFault || !IsGone(fault))
        {
            if (block.Status != BlockStatus.Ok)
            {
                block.Data = 0;
                if (!block.IsReported)
                {
                    Device.Report(new BlockFailure(block.Type, block.Status, fault.IsFault ? ErrorNumber.BadAddress : block.Errno));
                }
            }

            if (block.BeganAt != 0)
            {
                BlockMetrics.End(Device, block);
            }

            // The status is the last byte of the buffers, however they are cut.
            ChainWriter writer = block.Writable.CreateWriter();
            writer.TrySkip(writer.Remaining - 1);
            if (writer.TryWrite((byte)block.Status))
            {
                // Below 2^32, since a chain has no more than that with its header.
                return (uint)(block.Data + 1);
            }

            fault = writer.Fault;
        }

        queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, block.Chain.Head, fault: fault));
        return 0;
    }
}
