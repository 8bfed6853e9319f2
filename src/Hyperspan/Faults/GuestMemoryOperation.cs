namespace Hyperspan;

/// <summary>The operation that met a fault.</summary>
public enum GuestMemoryOperation : byte
{
    /// <summary>None: there is no fault.</summary>
    None = 0,

    /// <summary>A read of a value or of bytes.</summary>
    Read,

    /// <summary>A write of a value or of bytes.</summary>
    Write,

    /// <summary>A fill or a zeroing.</summary>
    Fill,

    /// <summary>An atomic compare-exchange.</summary>
    CompareExchange,

    /// <summary>A pin of pages.</summary>
    Pin,

    /// <summary>The making of a slice.</summary>
    Slice,

    /// <summary>A probe of whether memory can be read or written.</summary>
    Probe,

    /// <summary>A copy between two memories. The fault names the memory and the address of the side that failed.</summary>
    Copy,

    /// <summary>A change of what may be done with pages.</summary>
    Protect,
}
