using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Devices;

/// <summary>The device's side of a region of memory: what is in it.</summary>
/// <remarks>
/// All methods may be called from any thread, also while the guest sees the region: its accesses find the old or the new mapping, or none in between. An access
/// to a page where nothing is mapped fails; it does not go to a handler. A system whose own pages are larger than 4096 bytes refuses what begins or ends inside of one, unless it
/// ends where the region does.
/// </remarks>
public interface IMappedMemoryRegion
{
    /// <summary>Gets the length in bytes.</summary>
    ulong Length { get; }

    /// <summary>
    /// Maps a part of a file or memfd into the region, shared, in place of whatever was mapped there. Mappings that are hit in part are split, as with mmap.
    /// </summary>
    /// <param name="offset">The first byte in the region, a multiple of 4096.</param>
    /// <param name="file">The file. It is needed during the call only.</param>
    /// <param name="fileOffset">The first byte in the file, a multiple of 4096.</param>
    /// <param name="length">The length in bytes, a multiple of 4096.</param>
    /// <param name="writable">Whether it is mapped for writing. It takes both this and a writable view of the guest for a guest's write to arrive.</param>
    /// <exception cref="ArgumentException">One of the numbers is misaligned, or the range reaches past the end of the region.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is locked.</exception>
    /// <exception cref="IOException">The system refused, for example for a file that is not open for writing, or a part of a page of the system.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed.</exception>
    void Map(ulong offset, SafeFileHandle file, ulong fileOffset, ulong length, bool writable);

    /// <summary>Unmaps whatever is mapped in a range of the region. Pages where nothing is mapped are no error.</summary>
    /// <param name="offset">The first byte in the region, a multiple of 4096.</param>
    /// <param name="length">The length in bytes, a multiple of 4096.</param>
    /// <exception cref="ArgumentException">One of the numbers is misaligned, or the range reaches past the end of the region.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is locked.</exception>
    /// <exception cref="IOException">The system refused, for example for a part of a page of the system.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed.</exception>
    void Unmap(ulong offset, ulong length);
}
