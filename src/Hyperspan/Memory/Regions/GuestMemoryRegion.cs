using System.Globalization;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// A region of guest memory as a hypervisor knows it: where it lies, its slot and what the guest may do with it; and what stands behind it,
/// where the region is one of a <see cref="GuestMemory"/>.
/// </summary>
/// <remarks>
/// A description: the backing belongs to the memory. In JSON <c>{"range":{},"slot":0,"protection":{}}</c>, the objects as those types
/// write them, and nothing of the backing. Compared by value; immutable, so safe to use from any thread.
/// </remarks>
[JsonConverter(typeof(GuestMemoryRegionJsonConverter))]
public sealed record GuestMemoryRegion
{
    /// <summary>Initializes a new instance of the <see cref="GuestMemoryRegion"/> class.</summary>
    /// <param name="range">The guest-physical addresses that the region covers.</param>
    /// <param name="slot">The slot number that the hypervisor gave the region; it means nothing to anybody else.</param>
    /// <param name="protection">The protection with which the region was registered.</param>
    public GuestMemoryRegion(GuestRange range, uint slot, Protection protection)
    {
        Range = range;
        Slot = slot;
        Protection = protection;
    }

    /// <summary>Gets the guest-physical addresses that the region covers.</summary>
    public GuestRange Range { get; init; }

    /// <summary>Gets the slot number that the hypervisor gave the region; it means nothing to anybody else.</summary>
    public uint Slot { get; init; }

    /// <summary>Gets the protection with which the region was registered.</summary>
    public Protection Protection { get; init; }

    /// <summary>Gets the guest-physical address of the first byte of the region.</summary>
    public GuestAddress Start => Range.Start;

    /// <summary>Gets the length of the region in bytes.</summary>
    public ulong Length => Range.Length;

    /// <summary>Gets the name of what stands behind the region, or <see langword="null"/> where that is not known.</summary>
    public string? Name => Backing?.Name;

    /// <summary>Gets what stands behind the region, or <see langword="null"/> in a description that was made otherwise than by a <see cref="GuestMemory"/>.</summary>
    public GuestMemoryBacking? Backing { get; init; }

    /// <summary>Gets where in the backing the region begins, in bytes.</summary>
    public ulong BackingOffset { get; init; }

    /// <summary>Gives range, slot and protection, and what stands behind the region where that is known.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        string backing = Backing is null ? "" : string.Create(CultureInfo.InvariantCulture, $", Backing = '{Backing.Name}' at 0x{BackingOffset:x}");
        return string.Create(CultureInfo.InvariantCulture, $"{nameof(GuestMemoryRegion)} {{ Range = {Range}, Slot = {Slot}, Protection = {Protection}{backing} }}");
    }
}
