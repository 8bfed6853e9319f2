namespace Hyperspan;

/// <summary>What made the access fail, below the <see cref="GuestMemoryFaultKind"/>.</summary>
public enum FaultCause : byte
{
    /// <summary>Nothing: there is no fault.</summary>
    None = 0,

    /// <summary>The access was refused before it touched memory: a bound, an alignment, a disposed object.</summary>
    Check,

    /// <summary>The processor's access met a page that is not mapped or does not permit it (SIGSEGV; STATUS_ACCESS_VIOLATION on Windows).</summary>
    SegmentationFault,

    /// <summary>
    /// The page is mapped but nothing is behind it: a truncated file, a huge page the pool could not give (SIGBUS); what
    /// cannot be read in (STATUS_IN_PAGE_ERROR on Windows).
    /// </summary>
    BusError,

    /// <summary>A clear bit in an access bitmap.</summary>
    AccessBitmap,

    /// <summary>The backing refused: its page-fault handler, its fallback method or its pin method.</summary>
    Backing,

    /// <summary>A method of the backing threw; the exception is kept.</summary>
    Exception,

    /// <summary>The translation of an I/O virtual address: there is none, or it does not permit the access.</summary>
    Translation,
}
