using Hyperspan.Translation;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio.Tests;

/// <summary>Memory of 1 MiB in which one page cannot be accessed, for a reason to be chosen.</summary>
internal sealed class RefusingMemory : IDisposable
{
    /// <summary>The page that is refused; all below it can be accessed, and all above if it is translated.</summary>
    internal const ulong Page = 0x80000;

    private readonly List<IDisposable> _owned = [];

    internal RefusingMemory(RefusalKind kind)
    {
        switch (kind)
        {
            case RefusalKind.Translated:
                GuestMemory target = Own(GuestMemory.Allocate(1 << 20));
                Memory = new TranslatedMemory(target, new OneRefused()).Memory;
                break;
            case RefusalKind.ReadOnly:
                Memory = Own(Below().AddRegion(Page, new HeapBacking(0x1000), protection: Protection.Read).Build());
                break;
            case RefusalKind.Restricted:
                var bitmaps = new AccessBitmaps(0x1000);
                bitmaps.Protect(0, 0x1000, Protection.None);
                Memory = Own(Below().AddRegion(Page, new HeapBacking(0x1000) { AccessBitmaps = bitmaps }).Build());
                break;
            default:
                var file = Own(new TemporaryFile(0x1000));
                using (SafeFileHandle handle = File.OpenHandle(file.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
                {
                    Memory = Own(Below().AddRegion(Page, new ForeignBacking(handle, 0, 0x1000)).Build());
                    RandomAccess.SetLength(handle, 0);
                }

                break;
        }
    }

    internal GuestMemory Memory { get; }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private static GuestMemoryBuilder Below() => new GuestMemoryBuilder("guest").AddRegion(0, new HeapBacking(Page));

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    private sealed class OneRefused : IAddressTranslator
    {
        public bool TryTranslate(ulong address, out AddressTranslation translation)
        {
            ulong page = address & ~0xfffUL;
            translation = new AddressTranslation(page, page, 4096, Protection.ReadWrite);
            return page != Page && page < 1 << 20;
        }
    }
}
