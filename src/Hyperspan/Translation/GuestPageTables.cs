using System.Diagnostics;

namespace Hyperspan.Translation;

/// <summary>
/// The page tables of a guest's processor: they give the guest-physical address of a guest-virtual one. See <see cref="X64PageTables"/> and <see
/// cref="Arm64PageTables"/>.
/// </summary>
/// <remarks>
/// <para>
/// The tables are the guest's: whatever is in them leads to a translation or a <see cref="TranslationFault"/>, after at most five reads of guest-physical memory.
/// Accessed and dirty
/// bits are neither looked at nor changed.
/// </para>
/// <para>
/// Translations that were found are kept, as a processor keeps them, until <see cref="Invalidate"/>: a guest that runs changes its tables unseen. Safe for use
/// from several threads.
/// </para>
/// </remarks>
[DebuggerDisplay("{Memory}")]
public abstract class GuestPageTables : IAddressTranslator
{
    private const int CachedPages = 512;
    private const int SmallestShift = 12;

    private readonly Lock _gate = new();
    private readonly (ulong Generation, ulong Page, GuestTranslation Translation)[] _cache = new (ulong, ulong, GuestTranslation)[CachedPages];
    private ulong _generation = 1;

    private protected GuestPageTables(GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Memory = memory;
    }

    /// <summary>Gets the guest-physical memory that the tables are in.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Forgets all translations: the guest may have changed its tables.</summary>
    public void Invalidate()
    {
        lock (_gate)
        {
            _generation++;
        }
    }

    /// <summary>Translates an address, and throws where it has no translation.</summary>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="access">What is to be permitted there.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="GuestTranslationException">Nothing is there, or the access is not permitted.</exception>
    public GuestTranslation Translate(ulong virtualAddress, VirtualAccess access) =>
        TryTranslate(virtualAddress, access, out GuestTranslation translation, out TranslationFault fault)
            ? translation
            : throw new GuestTranslationException(fault);

    /// <summary>Translates an address for whoever looks from outside, whatever is permitted there, and throws where nothing is.</summary>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <returns>The guest-physical address.</returns>
    /// <exception cref="GuestTranslationException">Nothing is there.</exception>
    public GuestAddress Translate(ulong virtualAddress) => Translate(virtualAddress, VirtualAccess.None).Address;

    /// <summary>Translates an address. Neither throws nor allocates.</summary>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="access">What is to be permitted there.</param>
    /// <param name="translation">Where it is.</param>
    /// <param name="fault">Why it has no translation: which level, which entry.</param>
    /// <returns>Whether something is there and the access permitted.</returns>
    public bool TryTranslate(ulong virtualAddress, VirtualAccess access, out GuestTranslation translation, out TranslationFault fault)
    {
        ulong page = virtualAddress >> SmallestShift;
        ulong generation;
        bool found;
        lock (_gate)
        {
            ref (ulong Generation, ulong Page, GuestTranslation Translation) place = ref _cache[page % CachedPages];
            generation = _generation;
            found = place.Generation == generation && place.Page == page;
            translation = place.Translation;
        }

        if (!found)
        {
            if (!TryWalk(virtualAddress, out translation, out fault))
            {
                return false;
            }

            lock (_gate)
            {
                // Kept for the small page that was asked for, whatever the size of its page.
                _cache[page % CachedPages] = (generation, page, translation);
            }
        }

        ulong within = virtualAddress & (translation.PageSize - 1);
        translation = translation with { Address = (translation.Address.Value & ~(translation.PageSize - 1)) + within };
        fault = translation.Permits(access)
            ? default
            : new TranslationFault(TranslationFaultKind.Protection, virtualAddress, translation.Level, translation.EntryAddress, translation.Entry, default);
        return !fault.IsFault;
    }

    /// <summary>Translates an address for whoever looks from outside: whatever is permitted there. Neither throws nor allocates.</summary>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>Whether something is there.</returns>
    public bool TryTranslate(ulong virtualAddress, out GuestAddress address) => TryTranslate(virtualAddress, out address, out _);

    /// <summary>Translates an address for whoever looks from outside, and says why where nothing is there. Neither throws nor allocates.</summary>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="fault">Why it has no translation: which level, which entry.</param>
    /// <returns>Whether something is there.</returns>
    public bool TryTranslate(ulong virtualAddress, out GuestAddress address, out TranslationFault fault)
    {
        bool found = TryTranslate(virtualAddress, VirtualAccess.None, out GuestTranslation translation, out fault);
        address = found ? translation.Address : default;
        return found;
    }

    /// <summary>Translates for a <see cref="TranslatedMemory"/>: as the guest's kernel, page by page. Forget translations here before they are invalidated there.</summary>
    bool IAddressTranslator.TryTranslate(ulong address, out AddressTranslation translation)
    {
        if (!TryTranslate(address, VirtualAccess.None, out GuestTranslation found, out _))
        {
            translation = default;
            return false;
        }

        ulong within = address & (found.PageSize - 1);
        translation = new AddressTranslation(address - within, found.Address.Value - within, found.PageSize, found.Kernel);
        return true;
    }

    /// <summary>Walks the tables.</summary>
    private protected abstract bool TryWalk(ulong virtualAddress, out GuestTranslation translation, out TranslationFault fault);

    /// <summary>Reads one entry.</summary>
    private protected bool TryReadEntry(ulong virtualAddress, int level, ulong address, out ulong entry, out TranslationFault fault)
    {
        if (Memory.TryRead(address, out entry, out GuestMemoryFault memoryFault))
        {
            entry = BitConverter.IsLittleEndian ? entry : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(entry);
            fault = default;
            return true;
        }

        fault = new TranslationFault(TranslationFaultKind.Memory, virtualAddress, level, address, 0, memoryFault);
        return false;
    }
}
