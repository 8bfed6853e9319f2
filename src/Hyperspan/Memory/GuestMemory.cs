namespace Hyperspan;

/// <summary>Placeholder.</summary>
public sealed partial class GuestMemory
{
    private GuestMemoryBacking? _closed;

    /// <summary>Placeholder.</summary>
    public static void SynchronizeRestrictions() { }

    internal void CloseRegionsOf(GuestMemoryBacking backing) => _closed = backing;
}
