namespace Hyperspan.Virtio;

/// <summary>Serves one queue of a device. Used by one thread at a time; handlers of different queues work concurrently.</summary>
/// <remarks>
/// A handler touches queue and memory while <see cref="Process"/> runs, and not after it has returned: they may be gone by then, and their addresses given to others.
/// Pages that it has pinned stay until they are unpinned.
/// </remarks>
public interface IVirtioQueueHandler : IDisposable
{
    /// <summary>
    /// Takes what is available, serves it, returns it to the driver. Ends when the queue is empty, with notifications asked for; when it is broken; or, between two
    /// requests, when it is to stop.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="stopping">Asks to end after the request under way.</param>
    /// <returns>What was done and whether the driver has to be notified. Nothing that a guest does makes it throw.</returns>
    QueueProcessResult Process(VirtQueue queue, CancellationToken stopping);
}
