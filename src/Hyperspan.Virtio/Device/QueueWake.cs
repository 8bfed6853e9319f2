namespace Hyperspan.Virtio;

/// <summary>Why the thread of a queue went on.</summary>
[Flags]
public enum QueueWake
{
    /// <summary>The time was over.</summary>
    None = 0,

    /// <summary>The driver's event for new requests can be read.</summary>
    Kick = 1,

    /// <summary>The event to stop was signalled.</summary>
    Stop = 2,

    /// <summary>The handler has something to do: requests were completed, or it asked for it.</summary>
    Completion = 4,

    /// <summary>Nobody is left who could signal the driver's event: the other end of a pipe was closed.</summary>
    KickClosed = 8,
}
