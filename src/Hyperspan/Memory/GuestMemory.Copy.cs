namespace Hyperspan;

/// <content>Copies between memories, and within one.</content>
public sealed partial class GuestMemory
{
    /// <summary>Copies bytes from this memory to another, or to another place in this one.</summary>
    /// <param name="source">The guest-physical address of the first byte in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be copied; the fault names the memory and the address of the side that failed. A part may have been written.
    /// </exception>
    /// <remarks>
    /// Where both ranges show the same part of the same backing, the result is as if the source had been read before the destination is written.
    /// That two different backings map the same file cannot be seen from here. Where regions show that part in different orders, so that no order of copying is right,
    /// at most 16 MiB can be copied.
    /// </remarks>
    public void CopyTo(GuestAddress source, GuestMemory destination, GuestAddress destinationAddress, ulong length) =>
        Require(TryCopyTo(source, destination, destinationAddress, length, out GuestMemoryFault fault), fault);

    /// <summary>
    /// Copies bytes between memories and says why where it cannot; see <see cref="CopyTo(GuestAddress, GuestMemory, GuestAddress, ulong)"/>. Neither throws nor allocates
    /// when memory cannot be accessed.
    /// </summary>
    /// <param name="source">The guest-physical address of the first byte in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be copied.</param>
    /// <returns>Whether all of it was copied.</returns>
    public bool TryCopyTo(
        GuestAddress source, GuestMemory destination, GuestAddress destinationAddress, ulong length, out GuestMemoryFault fault)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return new MemoryCopy(this, source.Value, destination, destinationAddress.Value, length).TryRun(out fault);
    }

    /// <summary>Copies bytes to another place in this memory; see <see cref="CopyTo(GuestAddress, GuestMemory, GuestAddress, ulong)"/>.</summary>
    /// <param name="source">The guest-physical address of the first byte to copy.</param>
    /// <param name="destination">The guest-physical address of the first byte to write; the ranges may overlap.</param>
    /// <param name="length">The length in bytes; it may exceed 2 GiB.</param>
    /// <exception cref="GuestMemoryException">Not all of the range could be copied; a part may have been written.</exception>
    public void Copy(GuestAddress source, GuestAddress destination, ulong length) => CopyTo(source, this, destination, length);

    /// <summary>Copies bytes to another place in this memory and says why where it cannot; see <see cref="Copy(GuestAddress, GuestAddress, ulong)"/>.</summary>
    /// <param name="source">The guest-physical address of the first byte to copy.</param>
    /// <param name="destination">The guest-physical address of the first byte to write; the ranges may overlap.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="fault">Why not all of it could be copied.</param>
    /// <returns>Whether all of it was copied.</returns>
    public bool TryCopy(GuestAddress source, GuestAddress destination, ulong length, out GuestMemoryFault fault) =>
        TryCopyTo(source, this, destination, length, out fault);
}
