using System.Collections.Concurrent;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

/// <summary>Translates page by page, by a table that tests change.</summary>
internal sealed class PageMap : IAddressTranslator
{
    internal const ulong Page = GuestAddress.PageSize;

    private readonly ConcurrentDictionary<ulong, AddressTranslation> _pages = new();
    private int _lookUps;
    private int _misses;

    /// <summary>Gets or sets what a miss does.</summary>
    internal Func<ulong, AccessType, bool>? Missed { get; set; }

    internal int LookUps => Volatile.Read(ref _lookUps);

    internal int Misses => Volatile.Read(ref _misses);

    public bool TryTranslate(ulong address, out AddressTranslation translation)
    {
        Interlocked.Increment(ref _lookUps);
        return _pages.TryGetValue(address / Page, out translation);
    }

    public bool OnMiss(ulong address, AccessType access)
    {
        Interlocked.Increment(ref _misses);
        return Missed?.Invoke(address, access) ?? false;
    }

    /// <summary>Maps pages, from page numbers to page numbers.</summary>
    internal PageMap Map(ulong page, ulong target, ulong count = 1, Protection? protection = null)
    {
        for (ulong i = 0; i < count; i++)
        {
            _pages[page + i] = new AddressTranslation((page + i) * Page, (target + i) * Page, Page, protection ?? Protection.ReadWrite);
        }

        return this;
    }

    /// <summary>Has a page translated by any words.</summary>
    internal void Say(ulong page, AddressTranslation translation) => _pages[page] = translation;

    internal void Unmap(ulong page) => _pages.TryRemove(page, out _);
}
