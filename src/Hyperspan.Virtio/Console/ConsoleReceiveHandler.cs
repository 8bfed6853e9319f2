namespace Hyperspan.Virtio;

/// <summary>The queue by which the guest is sent something: its buffers are taken when there is something to put in.</summary>
internal sealed class ConsoleReceiveHandler(VirtioConsoleDevice device) : RequestQueueHandler
{
    private readonly byte[] _page = new byte[GuestAddress.PageSize];

    protected override bool MayTake => device.HasInput;

    /// <summary>There is something for the guest. From any thread.</summary>
    internal void Announce() => Wake();

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        Span<byte> bytes = _page.AsSpan(0, (int)Math.Min(request.Writable.Length, (ulong)_page.Length));
        bytes = bytes[..device.TakeInput(bytes)];
        written = (uint)bytes.Length;
        AddBytes(written);
        ChainWriter writer = request.Writable.CreateWriter();
        if (!writer.TryWrite(bytes))
        {
            queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, request.Chain.Head, fault: writer.Fault));
        }

        return true;
    }

    protected override void Dispose(bool disposing)
    {
        device.Forget(this);
        base.Dispose(disposing);
    }
}
