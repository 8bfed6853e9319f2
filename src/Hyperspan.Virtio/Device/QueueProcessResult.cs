namespace Hyperspan.Virtio;

/// <summary>What a handler did in one go.</summary>
public readonly record struct QueueProcessResult
{
    /// <summary>Initializes a new instance of the <see cref="QueueProcessResult"/> struct.</summary>
    /// <param name="notify">Whether the driver wants a notification about what was returned to it.</param>
    /// <param name="requests">How many requests were served, those that failed with a status included.</param>
    /// <param name="bytes">How many bytes of data were transferred.</param>
    /// <param name="error">Why the queue is broken, if it is.</param>
    /// <param name="memoryFault">The fault of guest memory that broke it, if that was why: memory from a peer may have been truncated.</param>
    public QueueProcessResult(bool notify, uint requests, ulong bytes, VirtQueueError? error, GuestMemoryFault? memoryFault)
    {
        Notify = notify;
        Requests = requests;
        Bytes = bytes;
        Error = error;
        MemoryFault = memoryFault;
    }

    /// <summary>Gets a value indicating whether the driver wants a notification about what was returned to it.</summary>
    public bool Notify { get; }

    /// <summary>Gets how many requests were served, those that failed with a status included.</summary>
    public uint Requests { get; }

    /// <summary>Gets how many bytes of data were transferred.</summary>
    public ulong Bytes { get; }

    /// <summary>Gets why the queue is broken, if it is.</summary>
    public VirtQueueError? Error { get; }

    /// <summary>Gets the fault of guest memory that broke it, if that was why: memory from a peer may have been truncated.</summary>
    public GuestMemoryFault? MemoryFault { get; }

    /// <summary>Gets how many of the requests failed because a buffer of theirs could not be accessed. They were returned to the driver, and the queue went on.</summary>
    public uint BufferFailures { get; init; }

    /// <summary>Gets what the first of those met; <see langword="null"/> where there were none.</summary>
    public GuestMemoryFault? BufferFault { get; init; }
}
