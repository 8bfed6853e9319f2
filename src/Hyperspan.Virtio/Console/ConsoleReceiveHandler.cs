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
        written = Answer(queue, request, bytes[..device.PeekInput(bytes)]);

        // What could not be written is for the next buffer.
        device.SkipInput((int)written);
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        device.Forget(this);
        base.Dispose(disposing);
    }
}
