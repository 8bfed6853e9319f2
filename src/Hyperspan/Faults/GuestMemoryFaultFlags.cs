namespace Hyperspan;

/// <summary>Which parts of a <see cref="GuestMemoryFault"/> are there.</summary>
[Flags]
internal enum GuestMemoryFaultFlags : byte
{
    None = 0,
    Faulted = 1,
    HasAddress = 2,
    HasRange = 4,
    HasPageNumber = 8,
    HasTarget = 16,
}
