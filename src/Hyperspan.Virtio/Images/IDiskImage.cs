namespace Hyperspan.Virtio;

/// <summary>What a disk is made of. All members are safe to use from several threads at once.</summary>
/// <remarks>
/// Offsets and lengths are in bytes, multiples of 512 and inside the image: the device has checked them. Errors are values. Members other than
/// <see cref="CreateChannel"/> may wait: the device calls them on threads that nothing else waits for.
/// </remarks>
public interface IDiskImage : IDisposable
{
    /// <summary>
    /// Gets the size in bytes; a multiple of 512. It may change: each request is checked against that of its time, and what has become shorter since fails transfers past its end.
    /// </summary>
    ulong Length { get; }

    /// <summary>Gets a value indicating whether the image cannot be written.</summary>
    bool IsReadOnly { get; }

    /// <summary>Makes what transfers data for one worker.</summary>
    /// <returns>The channel. Disposing it leaves the image open.</returns>
    IDiskChannel CreateChannel();

    /// <summary>
    /// Makes everything durable whose transfer was completed before this call. Once it has failed, it fails for as long as the image is open: what is lost cannot be told.
    /// </summary>
    /// <returns>How it went.</returns>
    DiskResult Flush();

    /// <summary>Says that the contents of a range are no longer needed. An image may ignore it.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <returns>How it went.</returns>
    DiskResult Discard(ulong offset, ulong length);

    /// <summary>Writes zeros.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="mayUnmap">Whether the space may be given back.</param>
    /// <returns>How it went.</returns>
    DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap);
}
