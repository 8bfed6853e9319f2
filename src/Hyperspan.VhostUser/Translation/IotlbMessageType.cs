namespace Hyperspan.VhostUser;

/// <summary>What an IOTLB message says.</summary>
internal enum IotlbMessageType : byte
{
    /// <summary>A translation is missing: from the back end.</summary>
    Miss = 1,

    /// <summary>A translation.</summary>
    Update = 2,

    /// <summary>Translations are taken away.</summary>
    Invalidate = 3,

    /// <summary>An access failed: from the back end.</summary>
    AccessFailed = 4,
}
