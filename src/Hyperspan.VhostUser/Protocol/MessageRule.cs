using P = Hyperspan.VhostUser.VhostUserProtocolFeatures;

namespace Hyperspan.VhostUser;

/// <summary>What a message must look like, before anything in it is looked at.</summary>
internal readonly struct MessageRule
{
    /// <summary>The longest payload of any message.</summary>
    internal const int LongestPayload = ConfigHeader + LongestConfig;

    internal const int ConfigHeader = 12;
    internal const int LongestConfig = 256;
    internal const int RegionLength = 32;

    /// <summary>The number of regions in one message; more need memory slots.</summary>
    internal const int MostRegions = 8;

    /// <summary>The inflight description: 20 bytes by the specification's text, 24 as front ends send it, with the padding of the C structure.</summary>
    internal const int InflightLength = 20;
    internal const int PaddedInflightLength = 24;

    private const int Word = sizeof(ulong);
    private const int Address = 40;

    private MessageRule(string name, int least, int most, int descriptors = 0, bool hasReply = false, P needs = P.None)
    {
        Name = name;
        Least = least;
        Most = most;
        Descriptors = descriptors;
        HasReply = hasReply;
        Needs = needs;
    }

    /// <summary>Gets its name in the specification, without the prefix.</summary>
    internal string Name { get; }

    /// <summary>Gets the least length of its payload in bytes.</summary>
    internal int Least { get; }

    /// <summary>Gets the greatest.</summary>
    internal int Most { get; }

    /// <summary>Gets how many descriptors it may have at most; the handler wants the exact number.</summary>
    internal int Descriptors { get; }

    /// <summary>Gets a value indicating whether it has a reply of its own.</summary>
    internal bool HasReply { get; }

    /// <summary>Gets the protocol feature that must have been set.</summary>
    internal P Needs { get; }

    /// <summary>Gets the rule for a message.</summary>
    /// <returns>The rule, or <see langword="null"/> for messages that are never offered.</returns>
    internal static MessageRule? Of(VhostUserMessage message) => message switch
    {
        VhostUserMessage.GetFeatures => new("GET_FEATURES", 0, 0, hasReply: true),
        VhostUserMessage.SetFeatures => new("SET_FEATURES", Word, Word),
        VhostUserMessage.SetOwner => new("SET_OWNER", 0, 0),
        VhostUserMessage.ResetOwner => new("RESET_OWNER", 0, 0),
        VhostUserMessage.SetMemoryTable => new("SET_MEM_TABLE", Word, Word + (MostRegions * RegionLength), MostRegions),
        VhostUserMessage.SetLogBase => new("SET_LOG_BASE", 2 * Word, 2 * Word, 1, hasReply: true, needs: P.LogSharedMemory),
        VhostUserMessage.SetVringSize => new("SET_VRING_NUM", Word, Word),
        VhostUserMessage.SetVringAddress => new("SET_VRING_ADDR", Address, Address),
        VhostUserMessage.SetVringBase => new("SET_VRING_BASE", Word, Word),
        VhostUserMessage.GetVringBase => new("GET_VRING_BASE", Word, Word, hasReply: true),
        VhostUserMessage.SetVringKick => new("SET_VRING_KICK", Word, Word, 1),
        VhostUserMessage.SetVringCall => new("SET_VRING_CALL", Word, Word, 1),
        VhostUserMessage.SetVringError => new("SET_VRING_ERR", Word, Word, 1),
        VhostUserMessage.GetProtocolFeatures => new("GET_PROTOCOL_FEATURES", 0, 0, hasReply: true),
        VhostUserMessage.SetProtocolFeatures => new("SET_PROTOCOL_FEATURES", Word, Word),
        VhostUserMessage.GetQueueCount => new("GET_QUEUE_NUM", 0, 0, hasReply: true, needs: P.MultipleQueues),
        VhostUserMessage.SetVringEnable => new("SET_VRING_ENABLE", Word, Word),
        VhostUserMessage.SetBackendChannel => new("SET_BACKEND_REQ_FD", 0, 0, 1, needs: P.BackendChannel),
        VhostUserMessage.GetConfig => new("GET_CONFIG", ConfigHeader, LongestPayload, hasReply: true, needs: P.Config),
        VhostUserMessage.SetConfig => new("SET_CONFIG", ConfigHeader, LongestPayload, needs: P.Config),
        VhostUserMessage.GetInflight => new("GET_INFLIGHT_FD", InflightLength, PaddedInflightLength, hasReply: true, needs: P.Inflight),
        VhostUserMessage.SetInflight => new("SET_INFLIGHT_FD", InflightLength, PaddedInflightLength, 1, needs: P.Inflight),
        VhostUserMessage.ResetDevice => new("RESET_DEVICE", 0, 0, needs: P.ResetDevice),
        VhostUserMessage.TranslationMessage => new("IOTLB_MSG", IotlbMessage.UnpaddedLength, IotlbMessage.Length, needs: P.BackendChannel),
        VhostUserMessage.GetMaxMemorySlots => new("GET_MAX_MEM_SLOTS", 0, 0, hasReply: true, needs: P.MemorySlots),
        VhostUserMessage.AddMemoryRegion => new("ADD_MEM_REG", Word + RegionLength, Word + RegionLength, 1, needs: P.MemorySlots),
        VhostUserMessage.RemoveMemoryRegion => new("REM_MEM_REG", Word + RegionLength, Word + RegionLength, 1, needs: P.MemorySlots),
        VhostUserMessage.SetStateDescriptor => new("SET_DEVICE_STATE_FD", Word, Word, 1, hasReply: true, needs: P.DeviceState),
        VhostUserMessage.CheckState => new("CHECK_DEVICE_STATE", 0, 0, hasReply: true, needs: P.DeviceState),
        _ => null,
    };

    /// <summary>Gets the name of a message for a log line, also of one that is not offered.</summary>
    internal static string NameOf(VhostUserMessage message) => Of(message)?.Name ?? message switch
    {
        VhostUserMessage.None => "NONE",
        VhostUserMessage.SetLogDescriptor => "SET_LOG_FD",
        VhostUserMessage.SendRarp => "SEND_RARP",
        VhostUserMessage.SetMtu => "NET_SET_MTU",
        VhostUserMessage.SetVringEndian => "SET_VRING_ENDIAN",
        VhostUserMessage.CreateCryptoSession => "CREATE_CRYPTO_SESSION",
        VhostUserMessage.CloseCryptoSession => "CLOSE_CRYPTO_SESSION",
        VhostUserMessage.PostcopyAdvise => "POSTCOPY_ADVISE",
        VhostUserMessage.PostcopyListen => "POSTCOPY_LISTEN",
        VhostUserMessage.PostcopyEnd => "POSTCOPY_END",
        VhostUserMessage.SetGraphicsSocket => "GPU_SET_SOCKET",
        VhostUserMessage.VringKick => "VRING_KICK",
        VhostUserMessage.SetStatus => "SET_STATUS",
        VhostUserMessage.GetStatus => "GET_STATUS",
        _ => $"message {(uint)message}",
    };
}
