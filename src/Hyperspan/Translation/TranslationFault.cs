using System.Globalization;

namespace Hyperspan.Translation;

/// <summary>Why a guest-virtual address could not be translated, read or written: which level of the tables, which entry. The default value means "no fault".</summary>
public readonly record struct TranslationFault
{
    /// <summary>Initializes a new instance of the <see cref="TranslationFault"/> struct.</summary>
    /// <param name="kind">What is wrong.</param>
    /// <param name="virtualAddress">The lowest address that is concerned.</param>
    /// <param name="level">The level of the entry, from 5 or 4 down to 1 for the last; zero where no entry is to blame.</param>
    /// <param name="entryAddress">The guest-physical address of the entry.</param>
    /// <param name="entry">What the entry holds; zero where it could not be read.</param>
    /// <param name="memoryFault">Why guest-physical memory could not be accessed, where that is the reason.</param>
    public TranslationFault(TranslationFaultKind kind, ulong virtualAddress, int level, GuestAddress entryAddress, ulong entry, GuestMemoryFault memoryFault)
    {
        Kind = kind;
        VirtualAddress = virtualAddress;
        Level = level;
        EntryAddress = entryAddress;
        Entry = entry;
        MemoryFault = memoryFault;
    }

    /// <summary>Gets what is wrong.</summary>
    public TranslationFaultKind Kind { get; internal init; }

    /// <summary>Gets the lowest address that is concerned.</summary>
    public ulong VirtualAddress { get; }

    /// <summary>Gets the level of the entry, from 5 or 4 down to 1 for the last; zero where no entry is to blame.</summary>
    public int Level { get; }

    /// <summary>Gets the guest-physical address of the entry.</summary>
    public GuestAddress EntryAddress { get; }

    /// <summary>Gets what the entry holds; zero where it could not be read.</summary>
    public ulong Entry { get; }

    /// <summary>Gets why guest-physical memory could not be accessed, where that is the reason.</summary>
    public GuestMemoryFault MemoryFault { get; }

    /// <summary>Gets a value indicating whether there is a fault at all.</summary>
    public bool IsFault => Kind != TranslationFaultKind.None;

    /// <summary>Says which level and entry: <c>0xffff888000000000: not present: level 3 entry at 0x2010 is 0x0</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        if (!IsFault)
        {
            return "no fault";
        }

        string what = Kind switch
        {
            TranslationFaultKind.OutOfRange => "outside of what the tables translate",
            TranslationFaultKind.NotPresent => "not present",
            TranslationFaultKind.InvalidEntry => "reserved bits are set",
            TranslationFaultKind.Protection => "not permitted",
            _ => MemoryFault.ToString(),
        };
        string where = Level == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $": level {Level} entry at 0x{EntryAddress.Value:x}");
        string entry = Level == 0 || (Kind == TranslationFaultKind.Memory && Entry == 0) ? "" : string.Create(CultureInfo.InvariantCulture, $" is 0x{Entry:x}");
        return string.Create(CultureInfo.InvariantCulture, $"0x{VirtualAddress:x}: {what}{where}{entry}");
    }
}
