namespace Hyperspan;

/// <summary>What kind of failure an access to guest memory met.</summary>
/// <remarks>
/// The first five after <see cref="None"/> are those of the source document on guest memory; the others say more precisely what the document calls
/// <see cref="Other"/>.
/// </remarks>
public enum GuestMemoryFaultKind : byte
{
    /// <summary>None: there is no fault.</summary>
    None = 0,

    /// <summary>A failure that fits no other kind; the cause or the exception says more.</summary>
    Other,

    /// <summary>The address, or a part of the range, is not in the memory: past its end, in a gap between regions, or past 2^64.</summary>
    OutOfRange,

    /// <summary>A higher virtual trust level has protected the page.</summary>
    VtlProtected,

    /// <summary>The page is shared with the host but was accessed by its private address.</summary>
    NotPrivate,

    /// <summary>The page is private to the guest but was accessed by its shared address.</summary>
    NotShared,

    /// <summary>Nothing is mapped at the page, or what was mapped there is gone (unmapped, decommitted, past the end of a truncated file).</summary>
    Unmapped,

    /// <summary>A write reached memory that may only be read.</summary>
    ReadOnly,

    /// <summary>The page's bit in the access bitmap is clear.</summary>
    Restricted,

    /// <summary>
    /// An atomic operation was asked for at an address that is not a multiple of its size, or whose value lies in two regions; or pages were to be protected and the range is
    /// not one of whole pages. Nothing was accessed or changed.
    /// </summary>
    Misaligned,

    /// <summary>The memory, or the backing below it, has been disposed.</summary>
    Disposed,

    /// <summary>There is no mapping at the page and the backing has no fallback for this operation.</summary>
    NoFallback,

    /// <summary>The page-fault handler asked for one retry after another without the access getting any further.</summary>
    RetryLimit,

    /// <summary>The memory cannot be pinned: it has no mapping, or its backing says so.</summary>
    NotPinnable,

    /// <summary>The access crosses from one region into the next and the memory was built strict.</summary>
    CrossesRegions,

    /// <summary>
    /// Guest memory is there, but the buffer that the caller gave cannot be read or written: a page of it is not mapped, or protected. The fault names no guest address.
    /// </summary>
    CallerBuffer,

    /// <summary>The I/O virtual address has no translation. One that has, but not for this access, is <see cref="ReadOnly"/> or <see cref="Restricted"/>.</summary>
    NotTranslated,

    /// <summary>Pages were to be protected, and their backing has no access bitmaps.</summary>
    NotRestrictable,
}
