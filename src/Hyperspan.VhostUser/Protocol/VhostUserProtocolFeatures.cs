namespace Hyperspan.VhostUser;

/// <summary>Extensions of the protocol (vhost-user, "Protocol features"): those that the back end offers, each under the bit it has in the specification.</summary>
[Flags]
public enum VhostUserProtocolFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The front end may ask for the number of queues.</summary>
    MultipleQueues = 1UL << 0,

    /// <summary>What the back end writes is logged in shared memory, so that a guest can be migrated while it is served.</summary>
    LogSharedMemory = 1UL << 1,

    /// <summary>The front end may ask for an acknowledgement of every message.</summary>
    ReplyAcknowledge = 1UL << 3,

    /// <summary>The back end may send messages of its own: that the configuration changed.</summary>
    BackendChannel = 1UL << 5,

    /// <summary>The front end reads and writes the device's configuration by messages. Block devices need it.</summary>
    Config = 1UL << 9,

    /// <summary>Requests in flight are recorded in memory that survives a crash of the back end.</summary>
    Inflight = 1UL << 12,

    /// <summary>The device can be reset.</summary>
    ResetDevice = 1UL << 13,

    /// <summary>Memory can be added and removed region by region.</summary>
    MemorySlots = 1UL << 15,

    /// <summary>The state of the stopped device is saved and loaded over a descriptor.</summary>
    DeviceState = 1UL << 19,

    /// <summary>All of those above.</summary>
    All = MultipleQueues | LogSharedMemory | ReplyAcknowledge | BackendChannel | Config | Inflight | ResetDevice | MemorySlots | DeviceState,
}
