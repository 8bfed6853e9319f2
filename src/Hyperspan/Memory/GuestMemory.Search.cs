namespace Hyperspan;

/// <content>Reading what may not all be there, up to a fault; looking for bytes, and comparing them.</content>
public sealed partial class GuestMemory
{
    /// <summary>Reads bytes up to the first that cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes. What lies beyond those that were read is unspecified.</param>
    /// <returns>How many bytes were read; all of <paramref name="destination"/>, or those below the first fault. Never throws, never allocates.</returns>
    public int ReadAvailable(GuestAddress address, Span<byte> destination) => ReadAvailable(address, destination, out _);

    /// <summary>Reads bytes up to the first that cannot be read, and says why it cannot.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes. What lies beyond those that were read is unspecified.</param>
    /// <param name="fault">Why not all of them could be read.</param>
    /// <returns>How many bytes were read; all of <paramref name="destination"/>, or those below the first fault.</returns>
    public int ReadAvailable(GuestAddress address, Span<byte> destination, out GuestMemoryFault fault) =>
        MemorySearch.ReadAvailable(this, address.Value, destination, out fault);

    /// <summary>Looks for bytes in a range.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes; it may exceed 2 GiB.</param>
    /// <param name="value">The bytes to look for. None at all are found at once.</param>
    /// <returns>The address of the first occurrence that lies in the range as a whole, or <see langword="null"/> where there is none.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before an occurrence was found.</exception>
    /// <remarks>What others write meanwhile may be found or missed.</remarks>
    public GuestAddress? IndexOf(GuestAddress address, ulong length, ReadOnlySpan<byte> value)
    {
        Require(TryIndexOf(address, length, value, out GuestAddress? found, out GuestMemoryFault fault), fault);
        return found;
    }

    /// <summary>Looks for bytes in a range; see <see cref="IndexOf(GuestAddress, ulong, ReadOnlySpan{byte})"/>. Does not throw when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes.</param>
    /// <param name="value">The bytes to look for.</param>
    /// <param name="found">The address of the first occurrence, or <see langword="null"/> where there is none.</param>
    /// <param name="fault">Why not all of the range could be looked at.</param>
    /// <returns>Whether the answer holds: an occurrence was found, or all of the range was looked at.</returns>
    public bool TryIndexOf(GuestAddress address, ulong length, ReadOnlySpan<byte> value, out GuestAddress? found, out GuestMemoryFault fault) =>
        MemorySearch.TryIndexOf(this, address.Value, length, value, out found, out fault);

    /// <summary>Looks for a byte in a range; see <see cref="IndexOf(GuestAddress, ulong, ReadOnlySpan{byte})"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes; it may exceed 2 GiB.</param>
    /// <param name="value">The byte to look for.</param>
    /// <returns>The address of the first occurrence, or <see langword="null"/> where there is none.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before an occurrence was found.</exception>
    public GuestAddress? IndexOf(GuestAddress address, ulong length, byte value) => IndexOf(address, length, new ReadOnlySpan<byte>(in value));

    /// <summary>Looks for a byte in a range; see <see cref="TryIndexOf(GuestAddress, ulong, ReadOnlySpan{byte}, out GuestAddress?, out GuestMemoryFault)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes.</param>
    /// <param name="value">The byte to look for.</param>
    /// <param name="found">The address of the first occurrence, or <see langword="null"/> where there is none.</param>
    /// <param name="fault">Why not all of the range could be looked at.</param>
    /// <returns>Whether the answer holds: an occurrence was found, or all of the range was looked at.</returns>
    public bool TryIndexOf(GuestAddress address, ulong length, byte value, out GuestAddress? found, out GuestMemoryFault fault) =>
        TryIndexOf(address, length, new ReadOnlySpan<byte>(in value), out found, out fault);

    /// <summary>Looks for bytes in all of this memory, wherever it can be read: pages that cannot are passed over, as the holes between regions are.</summary>
    /// <param name="value">The bytes to look for; at least one. They are copied.</param>
    /// <returns>
    /// The addresses of all occurrences in their order, those that overlap another and those across the border of two adjacent regions too. They are looked for while
    /// the sequence is enumerated, each time anew. What others write meanwhile may be found or missed.
    /// </returns>
    /// <exception cref="ArgumentException">There are no bytes to look for.</exception>
    public IEnumerable<GuestAddress> FindAll(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? throw new ArgumentException("No bytes at all are everywhere.", nameof(value)) : MemorySearch.FindAll(this, value.ToArray());

    /// <summary>Compares bytes with others.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="other">The bytes that should be there.</param>
    /// <returns>Whether they are: as many from <paramref name="address"/> on are the same. None at all are, anywhere.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before a difference was found.</exception>
    /// <remarks>Each byte is read once. Where others write meanwhile, each counts as it was when it was read.</remarks>
    public bool SequenceEqual(GuestAddress address, ReadOnlySpan<byte> other)
    {
        Require(TrySequenceEqual(address, other, out bool equal, out GuestMemoryFault fault), fault);
        return equal;
    }

    /// <summary>
    /// Compares bytes with others; see <see cref="SequenceEqual(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be read.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="other">The bytes that should be there.</param>
    /// <param name="equal">Whether they are.</param>
    /// <param name="fault">Why not all of the range could be compared.</param>
    /// <returns>Whether the answer holds: a difference was found, or all of the range was compared.</returns>
    public bool TrySequenceEqual(GuestAddress address, ReadOnlySpan<byte> other, out bool equal, out GuestMemoryFault fault) =>
        MemorySearch.TrySequenceEqual(this, address.Value, other, out equal, out fault);
}
