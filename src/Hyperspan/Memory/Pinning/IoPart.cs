namespace Hyperspan;

/// <summary>A range that was added to a <see cref="GuestIoVectors"/>.</summary>
internal readonly record struct IoPart(GuestMemory Memory, ulong Address, ulong Length, AccessType Access);
