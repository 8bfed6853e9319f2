using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// A region of guest memory as a hypervisor knows it: where it lies, its slot and what the guest may do with it.
/// </summary>
/// <param name="Range">The guest-physical addresses that the region covers.</param>
/// <param name="Slot">The slot number that the hypervisor gave the region; it means nothing to anybody else.</param>
/// <param name="Protection">The protection with which the region was registered.</param>
/// <remarks>
/// A description alone: it holds no memory. In JSON <c>{"range":{},"slot":0,"protection":{}}</c>, the objects as those types
/// write them. Compared by value; immutable, so safe to use from any thread.
/// </remarks>
[JsonConverter(typeof(GuestMemoryRegionJsonConverter))]
public sealed record GuestMemoryRegion(GuestRange Range, uint Slot, Protection Protection);
