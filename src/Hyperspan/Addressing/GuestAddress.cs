namespace Hyperspan;

/// <summary>A guest-physical address.</summary>
/// <param name="value">The address.</param>
public readonly struct GuestAddress(ulong value)
{
    /// <summary>Gets the address.</summary>
    public ulong Value { get; } = value;
}
