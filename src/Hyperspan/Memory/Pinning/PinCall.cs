namespace Hyperspan;

/// <summary>Has a backing pin pages.</summary>
internal readonly ref struct PinCall(ReadOnlySpan<ulong> pages, AccessType access, ref bool unpinRequired) : IBackingCall
{
    private readonly ReadOnlySpan<ulong> _pages = pages;
    private readonly ref bool _unpinRequired = ref unpinRequired;

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        BackingResult result = backing.PinPages(_pages, access, out _unpinRequired);

        // A backing that names a page it was not asked for is not believed.
        return result.IsFailure && !_pages.Contains(result.Offset >> GuestAddress.PageShift)
            ? BackingResult.Fail(result.Kind, _pages[0] << GuestAddress.PageShift, result.Exception)
            : result;
    }
}
