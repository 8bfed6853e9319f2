namespace Hyperspan.Virtio;

/// <summary>What a handler did in one go.</summary>
/// <param name="Notify">Whether the driver wants a notification about what was returned to it.</param>
/// <param name="Requests">How many requests were served, those that failed with a status included.</param>
/// <param name="Bytes">How many bytes of data were transferred.</param>
/// <param name="Error">Why the queue is broken, if it is.</param>
/// <param name="MemoryFault">The fault of guest memory that broke it, if that was why: memory from a peer may have been truncated.</param>
public readonly record struct QueueProcessResult(
    bool Notify, uint Requests, ulong Bytes, VirtQueueError? Error, GuestMemoryFault? MemoryFault)
{
    /// <summary>Gets how many of the requests failed because a buffer of theirs could not be accessed. They were returned to the driver, and the queue went on.</summary>
    public uint BufferFailures { get; init; }

    /// <summary>Gets what the first of those met; <see langword="null"/> where there were none.</summary>
    public GuestMemoryFault? BufferFault { get; init; }
}
