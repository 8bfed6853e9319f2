namespace Hyperspan.Virtio;

/// <summary>
/// A place in a packed ring, and the lap: the wrap counter of a lap is the opposite of that of the lap before (virtio 1.2, section 2.8.1). For transports, which say by its
/// number where a ring goes on.
/// </summary>
public readonly record struct PackedPosition
{
    /// <summary>Where a fresh queue begins, by the number for it.</summary>
    public const ushort Start = WrapBit;

    private const ushort WrapBit = 1 << 15;

    /// <summary>Initializes a new instance of the <see cref="PackedPosition"/> struct.</summary>
    /// <param name="index">The index of a descriptor.</param>
    /// <param name="wrap">The wrap counter; set in the first lap.</param>
    public PackedPosition(ushort index, bool wrap)
    {
        Index = index;
        Wrap = wrap;
    }

    /// <summary>Gets the index of a descriptor.</summary>
    public ushort Index { get; }

    /// <summary>Gets the wrap counter; set in the first lap.</summary>
    public bool Wrap { get; }

    /// <summary>Gets the number that transports and event suppression structures have for it: the index, and the wrap counter in bit 15.</summary>
    public ushort Number => (ushort)(Index | (Wrap ? WrapBit : 0));

    /// <summary>Gets the place that a number stands for.</summary>
    /// <param name="number">The number.</param>
    /// <returns>The place.</returns>
    public static PackedPosition Of(ushort number) => new((ushort)(number & ~WrapBit), (number & WrapBit) != 0);

    /// <summary>Gets the place so many descriptors further on.</summary>
    /// <param name="count">How many, at most a lap.</param>
    /// <param name="size">The size of the ring.</param>
    /// <returns>The place.</returns>
    public PackedPosition Advance(uint count, ushort size)
    {
        uint index = Index + count;
        return index < size ? new((ushort)index, Wrap) : new((ushort)(index - size), !Wrap);
    }

    /// <summary>Tells whether flags are those of a descriptor that has been returned here.</summary>
    /// <param name="flags">The flags of the descriptor at <see cref="Index"/>.</param>
    /// <returns>Whether they are.</returns>
    public bool IsUsed(ushort flags) => (flags & (PackedDescriptor.Available | PackedDescriptor.Used)) == PackedDescriptor.UsedFlags(Wrap);
}
