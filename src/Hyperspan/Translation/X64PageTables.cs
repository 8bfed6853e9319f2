namespace Hyperspan.Translation;

/// <summary>The tables of an x86-64 processor in long mode, of four levels or five (Intel SDM volume 3, chapter 5; AMD64 APM volume 2, chapter 5).</summary>
[System.Diagnostics.DebuggerDisplay("CR3 {_root}, {_levels} levels")]
public sealed class X64PageTables : GuestPageTables
{
    private const ulong Present = 1;
    private const ulong Writable = 1 << 1;
    private const ulong User = 1 << 2;
    private const ulong Large = 1 << 7;
    private const ulong NoExecute = 1UL << 63;
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;
    private const int LargestPageLevel = 3;

    private readonly ulong _root;
    private readonly int _levels;

    /// <summary>Initializes a new instance of the <see cref="X64PageTables"/> class for tables of four levels.</summary>
    /// <param name="memory">The guest-physical memory.</param>
    /// <param name="cr3">The register CR3: the address of the first table; its other bits do not matter.</param>
    public X64PageTables(GuestMemory memory, ulong cr3)
        : this(memory, cr3, fiveLevels: false)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="X64PageTables"/> class for tables of four levels or five.</summary>
    /// <param name="memory">The guest-physical memory.</param>
    /// <param name="cr3">The register CR3: the address of the first table; its other bits do not matter.</param>
    /// <param name="fiveLevels">Whether there are five levels (CR4.LA57), not four.</param>
    public X64PageTables(GuestMemory memory, ulong cr3, bool fiveLevels)
        : base(memory)
    {
        _root = cr3 & AddressMask;
        _levels = fiveLevels ? 5 : 4;
    }

    private protected override bool TryWalk(ulong virtualAddress, out GuestTranslation translation, out TranslationFault fault)
    {
        translation = default;
        int unused = 64 - (12 + (9 * _levels));
        if ((ulong)((long)(virtualAddress << unused) >> unused) != virtualAddress)
        {
            fault = new TranslationFault(TranslationFaultKind.OutOfRange, virtualAddress, 0, default, 0, default);
            return false;
        }

        ulong table = _root;
        bool writable = true;
        bool user = true;
        bool execute = true;
        for (int level = _levels; ; level--)
        {
            int shift = 12 + (9 * (level - 1));
            ulong at = table + (((virtualAddress >> shift) & 0x1ff) * sizeof(ulong));
            if (!TryReadEntry(virtualAddress, level, at, out ulong entry, out fault))
            {
                return false;
            }

            if ((entry & Present) == 0)
            {
                fault = new TranslationFault(TranslationFaultKind.NotPresent, virtualAddress, level, at, entry, default);
                return false;
            }

            writable &= (entry & Writable) != 0;
            user &= (entry & User) != 0;
            execute &= (entry & NoExecute) == 0;
            bool isLarge = level > 1 && (entry & Large) != 0;
            ulong size = 1UL << shift;

            // Bit 12 of a large page is part of its memory type.
            ulong reserved = isLarge ? AddressMask & (size - 1) & ~0x1000UL : 0;
            if ((isLarge && level > LargestPageLevel) || (entry & reserved) != 0)
            {
                fault = new TranslationFault(TranslationFaultKind.InvalidEntry, virtualAddress, level, at, entry, default);
                return false;
            }

            if (level == 1 || isLarge)
            {
                translation = new GuestTranslation(
                    (entry & AddressMask & ~(size - 1)) + (virtualAddress & (size - 1)),
                    size,
                    new Protection(read: true, write: writable, execute: execute),
                    user ? new Protection(read: true, write: writable, execute: execute) : Protection.None,
                    level,
                    at,
                    entry);
                return true;
            }

            table = entry & AddressMask;
        }
    }
}
