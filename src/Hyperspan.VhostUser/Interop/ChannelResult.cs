namespace Hyperspan.VhostUser.Interop;

/// <summary>How sending or receiving ended.</summary>
internal enum ChannelResult
{
    /// <summary>All of it was sent or received.</summary>
    Done,

    /// <summary>The peer closed the connection between two messages.</summary>
    Closed,

    /// <summary>The peer closed the connection in the middle of a message, or does not receive any more.</summary>
    Broken,

    /// <summary>The peer started a message and did not finish it, or does not take what is sent to it, for too long.</summary>
    TimedOut,

    /// <summary>The event that ends waits was signalled.</summary>
    Stopped,

    /// <summary>Descriptors came where the payload is.</summary>
    StrayDescriptors,
}
