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
}
