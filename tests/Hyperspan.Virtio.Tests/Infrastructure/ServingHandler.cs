namespace Hyperspan.Virtio.Tests;

/// <summary>A device of somebody's own: what it does with a request is the test's.</summary>
internal sealed class ServingHandler(Func<VirtQueue, QueueRequest, uint?> serve) : RequestQueueHandler
{
    /// <summary>Answers as a device does, by the model.</summary>
    internal uint AnswerBy(VirtQueue queue, QueueRequest request, ReadOnlySpan<byte> bytes) => Answer(queue, request, bytes);

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        uint? done = serve(queue, request);
        written = done ?? 0;
        return done is not null;
    }
}
