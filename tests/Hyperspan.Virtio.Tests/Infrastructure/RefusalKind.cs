namespace Hyperspan.Virtio.Tests;

/// <summary>Why a page cannot be accessed.</summary>
public enum RefusalKind
{
    /// <summary>The guest's IOMMU has no translation.</summary>
    Translated,

    /// <summary>It may only be read.</summary>
    ReadOnly,

    /// <summary>Its bits in the access bitmaps are clear.</summary>
    Restricted,

    /// <summary>The file behind it was truncated.</summary>
    Truncated,
}
