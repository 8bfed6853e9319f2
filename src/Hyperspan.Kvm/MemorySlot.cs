using System.Globalization;

namespace Hyperspan.Kvm;

/// <summary>A slot of a partition: host memory that the guest sees at a range of physical addresses.</summary>
/// <param name="Number">The number by which the kernel knows it.</param>
/// <param name="Range">The guest-physical addresses.</param>
/// <param name="IsReadOnly">Whether a store leaves it alone and goes to a device.</param>
public sealed record MemorySlot(uint Number, GuestRange Range, bool IsReadOnly)
{
    /// <summary>Gives number, range and access.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"slot {Number} at {Range}{(IsReadOnly ? ", read-only" : "")}");
}
