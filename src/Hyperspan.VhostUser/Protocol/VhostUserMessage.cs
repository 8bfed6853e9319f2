namespace Hyperspan.VhostUser;

/// <summary>The messages of a front end that this library knows by name (vhost-user, "Front-end message types").</summary>
public enum VhostUserMessage : uint
{
    /// <summary>Not a message.</summary>
    None = 0,

    /// <summary>Asks for the features of the device and of the protocol.</summary>
    GetFeatures = 1,

    /// <summary>Sets the features that both sides use.</summary>
    SetFeatures = 2,

    /// <summary>Starts a session.</summary>
    SetOwner = 3,

    /// <summary>Deprecated; stops all rings.</summary>
    ResetOwner = 4,

    /// <summary>Replaces all of the shared memory.</summary>
    SetMemoryTable = 5,

    /// <summary>Gives the memory in which the back end logs what it writes, for a guest that is migrated.</summary>
    SetLogBase = 6,

    /// <summary>Migration log; not offered.</summary>
    SetLogDescriptor = 7,

    /// <summary>Sets the size of a ring.</summary>
    SetVringSize = 8,

    /// <summary>Says where a ring lies, in the front end's addresses.</summary>
    SetVringAddress = 9,

    /// <summary>Sets the next index of the available ring to be processed.</summary>
    SetVringBase = 10,

    /// <summary>Stops a ring and asks for that index.</summary>
    GetVringBase = 11,

    /// <summary>Gives the event by which the front end says that there is something to do, and starts the ring.</summary>
    SetVringKick = 12,

    /// <summary>Gives the event by which the back end says that something is done.</summary>
    SetVringCall = 13,

    /// <summary>Gives the event by which the back end says that a ring is broken.</summary>
    SetVringError = 14,

    /// <summary>Asks for the protocol features.</summary>
    GetProtocolFeatures = 15,

    /// <summary>Sets the protocol features that both sides use.</summary>
    SetProtocolFeatures = 16,

    /// <summary>Asks how many queues there are.</summary>
    GetQueueCount = 17,

    /// <summary>Enables or disables a ring.</summary>
    SetVringEnable = 18,

    /// <summary>Network devices; not offered.</summary>
    SendRarp = 19,

    /// <summary>Network devices; not offered.</summary>
    SetMtu = 20,

    /// <summary>Gives a socket for messages from the back end.</summary>
    SetBackendChannel = 21,

    /// <summary>Gives translations of the guest's I/O virtual addresses, or takes them away.</summary>
    TranslationMessage = 22,

    /// <summary>Byte order of legacy rings; not offered.</summary>
    SetVringEndian = 23,

    /// <summary>Reads the device's configuration.</summary>
    GetConfig = 24,

    /// <summary>Writes the device's configuration.</summary>
    SetConfig = 25,

    /// <summary>Crypto devices; not offered.</summary>
    CreateCryptoSession = 26,

    /// <summary>Crypto devices; not offered.</summary>
    CloseCryptoSession = 27,

    /// <summary>Migration; not offered.</summary>
    PostcopyAdvise = 28,

    /// <summary>Migration; not offered.</summary>
    PostcopyListen = 29,

    /// <summary>Migration; not offered.</summary>
    PostcopyEnd = 30,

    /// <summary>Asks for memory to track requests in flight in.</summary>
    GetInflight = 31,

    /// <summary>Gives that memory back, also to a back end that was started anew.</summary>
    SetInflight = 32,

    /// <summary>Graphics devices; not offered.</summary>
    SetGraphicsSocket = 33,

    /// <summary>Stops all rings and resets the device.</summary>
    ResetDevice = 34,

    /// <summary>A kick in a message; not offered.</summary>
    VringKick = 35,

    /// <summary>Asks how many regions of memory there may be.</summary>
    GetMaxMemorySlots = 36,

    /// <summary>Adds a region of memory.</summary>
    AddMemoryRegion = 37,

    /// <summary>Removes a region of memory.</summary>
    RemoveMemoryRegion = 38,

    /// <summary>Device status; not offered.</summary>
    SetStatus = 39,

    /// <summary>Device status; not offered.</summary>
    GetStatus = 40,

    /// <summary>Begins to save or load the state of the device over a descriptor.</summary>
    SetStateDescriptor = 42,

    /// <summary>Asks how that went.</summary>
    CheckState = 43,
}
