namespace Hyperspan.Virtio;

/// <summary>What the system's page cache has to do with an image.</summary>
public enum DiskCache
{
    /// <summary>Transfers go through the page cache; a flush makes them durable.</summary>
    Writeback,

    /// <summary>Transfers go past the page cache (O_DIRECT); what the disk itself keeps is made durable by a flush.</summary>
    None,

    /// <summary>As <see cref="None"/>, and each write is durable before it is completed.</summary>
    DirectSync,
}
