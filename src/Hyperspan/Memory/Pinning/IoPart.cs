namespace Hyperspan;

/// <summary>A range that was added to a <see cref="GuestIoVectors"/>.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Address">The first address in it.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Access">What it was pinned for.</param>
/// <param name="Written">The memory that is told of writes: where addresses are translated, the one below.</param>
/// <param name="WrittenAddress">The first address in that, as it was when it was pinned.</param>
internal readonly record struct IoPart(GuestMemory Memory, ulong Address, ulong Length, AccessType Access, GuestMemory Written, ulong WrittenAddress);
