namespace Hyperspan;

/// <summary>Asks a backing whether pinned pages stay where they are whatever another process does.</summary>
internal struct KeepsCall : IBackingCall
{
    /// <summary>What it says.</summary>
    internal bool Keeps;

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        ulong first = offset >> GuestAddress.PageShift;
        Keeps = backing.KeepsPinnedPages(first, ((offset + (length - 1)) >> GuestAddress.PageShift) - first + 1);
        return BackingResult.Success;
    }
}
