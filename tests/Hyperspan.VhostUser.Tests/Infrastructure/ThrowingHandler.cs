using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Answers a <see cref="TestDriver"/>, and lets through what an access to a buffer throws: at once, or by a task.</summary>
internal sealed class ThrowingHandler(bool isAsync) : RequestQueueHandler
{
    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        written = isAsync ? 0 : Answer(request);
        if (isAsync)
        {
            request.CompleteAfter(AnswerLater(request));
        }

        return !isAsync;
    }

    private static async ValueTask<uint> AnswerLater(QueueRequest request)
    {
        await Task.Yield();
        return Answer(request);
    }

    private static uint Answer(QueueRequest request)
    {
        ChainReader reader = request.Readable.CreateReader();
        ChainWriter writer = request.Writable.CreateWriter();
        return !reader.TryRead(out ulong number) ? throw reader.Fault.ToException() : writer.TryWrite(~number) ? 8U : throw writer.Fault.ToException();
    }
}
