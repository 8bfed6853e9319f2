using Hyperspan.Translation;

namespace Hyperspan.VhostUser.Tests;

/// <summary>An IOMMU of a driver within the process: page by page.</summary>
internal sealed class MappedPages(Dictionary<ulong, ulong> map) : IAddressTranslator
{
    public bool TryTranslate(ulong address, out AddressTranslation translation)
    {
        ulong page = address & ~((ulong)GuestAddress.PageSize - 1);
        bool found = map.TryGetValue(page, out ulong target);
        translation = new AddressTranslation(page, target, GuestAddress.PageSize, Protection.ReadWrite);
        return found;
    }
}
