namespace Hyperspan.Virtio;

/// <summary>When a disk image is locked against other instances.</summary>
public enum ImageLocking
{
    /// <summary>For as long as it is open.</summary>
    Always,

    /// <summary>
    /// While a queue is served: two instances may have the image open, and hand it over when a guest is migrated from one to the other. The one that begins waits for a moment for
    /// the one that ends.
    /// </summary>
    WhileServed,
}
