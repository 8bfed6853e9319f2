using System.Globalization;

namespace Hyperspan.Kvm;

/// <summary>A slot of a partition: host memory that the guest sees at a range of physical addresses.</summary>
public sealed record MemorySlot
{
    /// <summary>Initializes a new instance of the <see cref="MemorySlot"/> class.</summary>
    /// <param name="number">The number by which the kernel knows it.</param>
    /// <param name="range">The guest-physical addresses.</param>
    /// <param name="isReadOnly">Whether a store leaves it alone and goes to a device.</param>
    public MemorySlot(uint number, GuestRange range, bool isReadOnly)
    {
        Number = number;
        Range = range;
        IsReadOnly = isReadOnly;
    }

    /// <summary>Gets the number by which the kernel knows it.</summary>
    public uint Number { get; }

    /// <summary>Gets the guest-physical addresses.</summary>
    public GuestRange Range { get; }

    /// <summary>Gets a value indicating whether a store leaves it alone and goes to a device.</summary>
    public bool IsReadOnly { get; }

    /// <summary>Gives number, range and access.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"slot {Number} at {Range}{(IsReadOnly ? ", read-only" : "")}");
}
