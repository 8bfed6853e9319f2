namespace Hyperspan;

/// <summary>A guest-physical address.</summary>
public readonly struct GuestAddress;
