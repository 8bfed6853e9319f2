using System.Collections.Concurrent;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Keeps the requests of a <see cref="TestDriver"/> until the test answers them, by any thread and in any order.</summary>
internal sealed class HoldingHandler : RequestQueueHandler
{
    private readonly ConcurrentDictionary<ulong, QueueRequest> _held = [];

    /// <summary>Gets the numbers in the order in which they were taken.</summary>
    internal ConcurrentQueue<ulong> Taken { get; } = [];

    /// <summary>Gets or sets what is done with a request at once, if anything is: then it is not held.</summary>
    internal Func<ulong, CancellationToken, ValueTask>? Serving { get; set; }

    internal bool IsDisposed { get; private set; }

    internal int Rests { get; private set; }

    internal bool IsAbandoned { get; private set; }

    internal IReadOnlyCollection<ulong> Held => [.. _held.Keys];

    /// <summary>Answers a request with the complement of its number.</summary>
    internal void Answer(ulong number)
    {
        _held.TryRemove(number, out QueueRequest? request).ShouldBeTrue($"{number} is not held");
        request.Complete(Write(request, number));
    }

    internal int Stops { get; private set; }

    public override void CancelRequests()
    {
        base.CancelRequests();
        Stops++;
    }

    public override void Rest() => Rests++;

    public override void Abandon() => IsAbandoned = true;

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        ChainReader reader = request.Readable.CreateReader();
        reader.TryRead(out ulong number).ShouldBeTrue();
        Taken.Enqueue(number);
        written = 0;
        if (Serving is null)
        {
            _held[number] = request;
        }
        else
        {
            request.CompleteAfter(ServeAsync(request, number));
        }

        return false;
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        IsDisposed = true;
    }

    private async ValueTask<uint> ServeAsync(QueueRequest request, ulong number)
    {
        await Serving!(number, Stopping);
        return Write(request, number);
    }

    private static uint Write(QueueRequest request, ulong number) =>
        request.Writable.CreateWriter().TryWrite(~number) ? 8U : 0;
}
