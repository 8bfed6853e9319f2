namespace Hyperspan.Streaming;

/// <summary>Why a step of a sequential reader or writer failed.</summary>
public enum StreamingFaultKind : byte
{
    /// <summary>It did not fail.</summary>
    None,

    /// <summary>Guest memory could not be accessed; <see cref="StreamingFault.MemoryFault"/> says why.</summary>
    Memory,

    /// <summary>More was asked for than is left.</summary>
    OutOfRange,

    /// <summary>A write to something that may only be read.</summary>
    ReadOnly,

    /// <summary>There are as many, but no array can have them, or there is no memory for one.</summary>
    TooLarge,
}
