namespace Hyperspan.Virtio;

/// <summary>A place in a packed ring, and the lap: the wrap counter of a lap is the opposite of that of the lap before.</summary>
/// <param name="Index">The index of a descriptor.</param>
/// <param name="Wrap">The wrap counter; set in the first lap.</param>
internal readonly record struct PackedPosition(ushort Index, bool Wrap)
{
    /// <summary>Where a fresh queue begins, by the number for it.</summary>
    internal const ushort Start = WrapBit;

    private const ushort WrapBit = 1 << 15;

    /// <summary>Gets the number that transports and event suppression structures have for it: the index, and the wrap counter in bit 15.</summary>
    internal ushort Number => (ushort)(Index | (Wrap ? WrapBit : 0));

    internal static PackedPosition Of(ushort number) => new((ushort)(number & ~WrapBit), (number & WrapBit) != 0);

    /// <summary>The place so many descriptors further on, at most a lap.</summary>
    internal PackedPosition Advance(uint count, ushort size)
    {
        uint index = Index + count;
        return index < size ? new((ushort)index, Wrap) : new((ushort)(index - size), !Wrap);
    }
}
