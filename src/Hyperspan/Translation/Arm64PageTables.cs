namespace Hyperspan.Translation;

/// <summary>
/// The tables of the first stage of an AArch64 processor, granules of 4, 16 or 64 KiB, up to 52 bits of address (Arm Architecture Reference Manual, chapter D8).
/// </summary>
/// <remarks>The kernel's permissions are those at EL1, a program's those at EL0. The access flag is not looked at.</remarks>
[System.Diagnostics.DebuggerDisplay("TTBR0 {_ttbr0}, TTBR1 {_ttbr1}, TCR {_tcr}")]
public sealed class Arm64PageTables : GuestPageTables
{
    private const ulong Valid = 1;
    private const ulong TableOrPage = 2;
    private const ulong UserAccess = 1 << 6;
    private const ulong ReadOnly = 1 << 7;
    private const ulong PrivilegedNoExecute = 1UL << 53;
    private const ulong UserNoExecute = 1UL << 54;
    private const ulong TablePrivilegedNoExecute = 1UL << 59;
    private const ulong TableUserNoExecute = 1UL << 60;
    private const ulong TableNoUser = 1UL << 61;
    private const ulong TableReadOnly = 1UL << 62;
    private const int SelectingBit = 55;

    private readonly ulong _ttbr0;
    private readonly ulong _ttbr1;
    private readonly ulong _tcr;

    /// <summary>Initializes a new instance of the <see cref="Arm64PageTables"/> class.</summary>
    /// <param name="memory">The guest-physical memory.</param>
    /// <param name="ttbr0">The register TTBR0_EL1: the tables of the lower half of the addresses.</param>
    /// <param name="ttbr1">The register TTBR1_EL1: the tables of the upper half.</param>
    /// <param name="tcr">The register TCR_EL1: sizes and granules of both.</param>
    public Arm64PageTables(GuestMemory memory, ulong ttbr0, ulong ttbr1, ulong tcr)
        : base(memory)
    {
        _ttbr0 = ttbr0;
        _ttbr1 = ttbr1;
        _tcr = tcr;
    }

    private bool HasLargeAddresses => (_tcr >> 59 & 1) != 0;

    private protected override bool TryWalk(ulong virtualAddress, out GuestTranslation translation, out TranslationFault fault)
    {
        translation = default;
        bool upper = (virtualAddress >> SelectingBit & 1) != 0;
        int size = (int)(_tcr >> (upper ? 16 : 0) & 0x3f);
        bool disabled = (_tcr >> (upper ? 23 : 7) & 1) != 0;
        bool topByteIgnored = (_tcr >> (upper ? 38 : 37) & 1) != 0;
        int granule = upper
            ? (_tcr >> 30 & 3) switch { 1 => 14, 2 => 12, 3 => 16, _ => 0 }
            : (_tcr >> 14 & 3) switch { 0 => 12, 1 => 16, 2 => 14, _ => 0 };
        int bits = 64 - size;
        ulong checkedBits = (topByteIgnored ? (1UL << (SelectingBit + 1)) - 1 : ulong.MaxValue) & ~(bits >= 64 ? ulong.MaxValue : (1UL << bits) - 1);
        if (disabled || granule == 0 || size is < 12 or > 48 || bits <= granule || (virtualAddress & checkedBits) != (upper ? checkedBits : 0))
        {
            fault = new TranslationFault(TranslationFaultKind.OutOfRange, virtualAddress, 0, default, 0, default);
            return false;
        }

        int stride = granule - 3;
        int levels = (bits - granule + stride - 1) / stride;
        ulong table = BaseOf(upper ? _ttbr1 : _ttbr0, granule, bits - granule - ((levels - 1) * stride) + 3);
        bool writable = true;
        bool user = true;
        bool execute = true;
        bool userExecute = true;
        for (int level = levels; ; level--)
        {
            int shift = granule + (stride * (level - 1));
            int indexBits = level == levels ? bits - shift : stride;
            ulong at = table + (((virtualAddress >> shift) & ((1UL << indexBits) - 1)) * sizeof(ulong));
            if (!TryReadEntry(virtualAddress, level, at, out ulong entry, out fault))
            {
                return false;
            }

            if ((entry & Valid) == 0)
            {
                fault = new TranslationFault(TranslationFaultKind.NotPresent, virtualAddress, level, at, entry, default);
                return false;
            }

            bool isTable = (entry & TableOrPage) != 0;
            bool isPage = level == 1 ? isTable : !isTable;
            if ((level == 1 && !isTable) || (level > 1 && !isTable && !MayBeBlock(granule, level)))
            {
                fault = new TranslationFault(TranslationFaultKind.InvalidEntry, virtualAddress, level, at, entry, default);
                return false;
            }

            if (!isPage)
            {
                writable &= (entry & TableReadOnly) == 0;
                user &= (entry & TableNoUser) == 0;
                execute &= (entry & TablePrivilegedNoExecute) == 0;
                userExecute &= (entry & TableUserNoExecute) == 0;
                table = AddressOf(entry, granule) & ~((1UL << granule) - 1);
                continue;
            }

            writable &= (entry & ReadOnly) == 0;
            user &= (entry & UserAccess) != 0;

            // What a program may write is never executed by the kernel.
            execute &= (entry & PrivilegedNoExecute) == 0 && !(user && writable);
            userExecute &= (entry & UserNoExecute) == 0;
            ulong pageSize = 1UL << shift;
            translation = new GuestTranslation(
                (AddressOf(entry, granule) & ~(pageSize - 1)) + (virtualAddress & (pageSize - 1)),
                pageSize,
                new Protection(read: true, write: writable, execute: execute),
                new Protection(read: user, write: user && writable, execute: userExecute && user),
                level,
                at,
                entry);
            return true;
        }
    }

    /// <summary>Which levels map memory directly, counted from the last as 1.</summary>
    private bool MayBeBlock(int granule, int level) => granule switch
    {
        12 => level is 2 or 3 || (level == 4 && HasLargeAddresses),
        14 => level == 2 || (level == 3 && HasLargeAddresses),
        _ => level is 2 or 3,
    };

    private ulong AddressOf(ulong entry, int granule)
    {
        ulong low = entry & 0x0000_ffff_ffff_f000;
        if (granule == 16)
        {
            // Bits 15 to 12 are bits 51 to 48.
            return (low & ~0xf000UL) | ((entry >> 12 & 0xf) << 48);
        }

        return HasLargeAddresses ? (entry & 0x0003_ffff_ffff_f000) | ((entry >> 8 & 3) << 50) : low;
    }

    /// <summary>The address of the first table, which is aligned to its own size, 64 bytes at least.</summary>
    private ulong BaseOf(ulong register, int granule, int tableShift)
    {
        ulong low = register & 0x0000_ffff_ffff_fffe;
        ulong aligned = low & ~((1UL << Math.Max(tableShift, 6)) - 1);
        bool isLong = HasLargeAddresses || (granule == 16 && (_tcr >> 32 & 7) == 6);
        return isLong ? (aligned & ~0x3fUL) | ((register >> 2 & 0xf) << 48) : aligned;
    }
}
