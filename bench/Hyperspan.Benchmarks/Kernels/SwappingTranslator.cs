using Hyperspan.Translation;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Translates each page to its neighbour, the even ones upward and the odd ones downward.</summary>
internal sealed class SwappingTranslator : IAddressTranslator
{
    private const ulong PageMask = GuestAddress.PageSize - 1;

    public bool TryTranslate(ulong address, out AddressTranslation translation)
    {
        ulong page = address & ~PageMask;
        translation = new AddressTranslation(page, page ^ GuestAddress.PageSize, GuestAddress.PageSize, Protection.ReadWrite);
        return true;
    }
}
