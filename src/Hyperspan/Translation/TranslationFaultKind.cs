namespace Hyperspan.Translation;

/// <summary>Why a guest-virtual address has no guest-physical one.</summary>
public enum TranslationFaultKind : byte
{
    /// <summary>There is no fault.</summary>
    None,

    /// <summary>The address is outside of what the tables can translate: not canonical, or between the two halves.</summary>
    OutOfRange,

    /// <summary>An entry says that nothing is there.</summary>
    NotPresent,

    /// <summary>An entry has bits that the processor reserves at its level.</summary>
    InvalidEntry,

    /// <summary>The page is there, and the access is not permitted.</summary>
    Protection,

    /// <summary>The entry, or the page itself, could not be read from guest-physical memory.</summary>
    Memory,
}
