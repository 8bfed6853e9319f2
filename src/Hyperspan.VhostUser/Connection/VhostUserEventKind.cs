namespace Hyperspan.VhostUser;

/// <summary>What a <see cref="VhostUserEvent"/> tells.</summary>
public enum VhostUserEventKind
{
    /// <summary>A server waits for front ends on its socket.</summary>
    Listening,

    /// <summary>A front end connected.</summary>
    Connected,

    /// <summary>Features were set: the two sides agreed on how to work.</summary>
    Negotiated,

    /// <summary>The table of shared memory changed.</summary>
    MemoryChanged,

    /// <summary>A ring is served from now on.</summary>
    RingStarted,

    /// <summary>A ring is not served any more.</summary>
    RingStopped,

    /// <summary>Requests that an earlier back end had begun are done again.</summary>
    Resubmitted,

    /// <summary>A ring is larger than the memory for requests in flight has room for: it is served without a record. Told once a connection.</summary>
    Untracked,

    /// <summary>What is written to the guest's memory is logged, in other memory, or not any more: the front end migrates its guest.</summary>
    LogChanged,

    /// <summary>What the front end wanted to write into the device's configuration was refused. The connection goes on.</summary>
    ConfigurationRefused,

    /// <summary>The state of the device was saved, or loaded.</summary>
    StateTransferred,

    /// <summary>The state of the device could not be saved or loaded: what came is not its state, or did not come. The connection goes on.</summary>
    StateRefused,

    /// <summary>The device was reset.</summary>
    Reset,

    /// <summary>A front end closed its connection.</summary>
    Disconnected,

    /// <summary>The connection ends because this side stops.</summary>
    Stopped,

    /// <summary>Requests have been in flight for long: half a minute and more. They are waited for.</summary>
    RequestSlow,

    /// <summary>
    /// The front end has closed the channel for messages of this side. Translations that are missing cannot be asked for: an access that wants one fails at once, until the front
    /// end gives another channel. Told where addresses are translated.
    /// </summary>
    BackendChannelClosed,

    /// <summary>
    /// Buffers of requests could not be accessed: the guest's IOMMU refuses them, or its memory is restricted or gone. Those requests failed, and the ring goes on. Of one queue it
    /// is told once a second at most, with how many they were.
    /// </summary>
    BufferFault,

    /// <summary>What a guest wrote into a ring is wrong. The ring is broken until it is set up anew; the connection and the other rings go on.</summary>
    RingBroken,

    /// <summary>
    /// A queue that is to stop does not: the device does not answer, or the front end keeps its thread. No other front end is served until it has stopped.
    /// </summary>
    QueueStuck,

    /// <summary>Shared memory is gone under the device. The connection is closed.</summary>
    MemoryLost,

    /// <summary>A message is wrong. The connection is closed.</summary>
    ProtocolError,

    /// <summary>The connection broke, or the front end neither finished a message nor took a reply in time. The connection is closed.</summary>
    ConnectionLost,

    /// <summary>The device or the system failed. The connection is closed.</summary>
    DeviceFailed,
}
