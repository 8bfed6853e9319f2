namespace Hyperspan.Virtio;

/// <summary>What a handler did in one go.</summary>
/// <param name="Notify">Whether the driver wants a notification about what was returned to it.</param>
/// <param name="Requests">How many requests were served, those that failed with a status included.</param>
/// <param name="Bytes">How many bytes of data were transferred.</param>
/// <param name="Error">Why the queue is broken, if it is.</param>
/// <param name="MemoryFault">The fault of guest memory that broke it, if that was why: memory from a peer may have been truncated.</param>
public readonly record struct QueueProcessResult(
    bool Notify, uint Requests, ulong Bytes, VirtQueueError? Error, GuestMemoryFault? MemoryFault);
