namespace Hyperspan.VhostUser;

/// <summary>A place in a packed ring, and the wrap counter of its lap (virtio 1.2, section 2.8.1).</summary>
/// <param name="Index">The index of a descriptor.</param>
/// <param name="Wrap">The wrap counter; set in the first lap.</param>
internal readonly record struct VringPlace(ushort Index, bool Wrap)
{
    private const ushort WrapBit = 1 << 15;
    private const ushort AvailableFlag = 1 << 7;
    private const ushort UsedFlag = 1 << 15;

    /// <summary>Gets the number that messages and queues have for it: the index, and the wrap counter in bit 15.</summary>
    internal ushort Number => (ushort)(Index | (Wrap ? WrapBit : 0));

    internal static VringPlace Of(ushort number) => new((ushort)(number & ~WrapBit), (number & WrapBit) != 0);

    /// <summary>The place so many descriptors further on, at most a lap.</summary>
    internal VringPlace Advance(uint count, ushort size)
    {
        uint index = Index + count;
        return index < size ? new((ushort)index, Wrap) : new((ushort)(index - size), !Wrap);
    }

    /// <summary>Whether flags are those of a descriptor that has been returned here.</summary>
    internal bool IsUsed(ushort flags) => (flags & (AvailableFlag | UsedFlag)) == (Wrap ? AvailableFlag | UsedFlag : 0);
}
