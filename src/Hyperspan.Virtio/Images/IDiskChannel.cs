namespace Hyperspan.Virtio;

/// <summary>Transfers data between an image and the buffers of a request, for one worker at a time. See <see cref="IDiskImage"/>.</summary>
public interface IDiskChannel : IDisposable
{
    /// <summary>Reads from the image into guest memory.</summary>
    /// <param name="offset">The first byte in the image.</param>
    /// <param name="length">How many bytes; the destination has room for them.</param>
    /// <param name="destination">Where they go; moved past them on success.</param>
    /// <returns>How it went. On failure a part may have been transferred.</returns>
    DiskResult Read(ulong offset, ulong length, scoped ref ChainWriter destination);

    /// <summary>Writes from guest memory into the image.</summary>
    /// <param name="offset">The first byte in the image.</param>
    /// <param name="length">How many bytes; the source has as many.</param>
    /// <param name="source">Where they come from; moved past them on success.</param>
    /// <returns>How it went. On failure a part may have been transferred.</returns>
    DiskResult Write(ulong offset, ulong length, scoped ref ChainReader source);
}
