namespace Hyperspan.Virtio;

/// <summary>What a block request waits for.</summary>
internal enum BlockStep
{
    /// <summary>Nothing: its status is known.</summary>
    Done,

    /// <summary>Data is transferred, a piece of it at a time.</summary>
    Transfer,

    /// <summary>Ranges are discarded, or zeros written to them.</summary>
    Allocate,

    /// <summary>What was written is made durable.</summary>
    Flush,

    /// <summary>The image failed it: it is tried again when the device goes on, or given up when its queue stops.</summary>
    Held,
}
