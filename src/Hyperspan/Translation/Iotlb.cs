using System.Runtime.CompilerServices;

namespace Hyperspan.Translation;

/// <summary>
/// The translations of single pages that the fast paths use: a table of fixed size for reads and one for writes. An entry has the number of the page that it translates,
/// or <see cref="NoPage"/>; what is added to an address in it to get the address in this process; and how often the entry was given to a page.
/// </summary>
/// <remarks>
/// <para>
/// Read without a lock. A value, or up to 64 bytes, is accessed by a stub that looks an entry up and does the access in one restartable sequence; more bytes are
/// copied in a section of <see cref="Synchronization.RcuDomain.GuestMemory"/>. So whoever removes entries and then waits for that domain knows that nobody uses them any more.
/// </para>
/// <para>
/// An entry may be given to another page without waiting for anybody: who reads one looks at the number of times before and after it has read the page and what to add,
/// and each is changed between taking the page out and putting one in. Two looks at the page alone would not do: it may have been given away and back meanwhile.
/// </para>
/// </remarks>
internal sealed unsafe class Iotlb
{
    private const int Entries = 512;
    private const int EntryWords = 4;
    private const int Page = 0;
    private const int Addend = 1;
    private const int Version = 2;
    private const int TableWords = Entries * EntryWords;
    private const int LineWords = 8;
    private const ulong NoPage = ulong.MaxValue;

    // What the pointers below lie in. Pinned, and free of references.
    private readonly ulong[] _memory = GC.AllocateArray<ulong>((2 * TableWords) + LineWords, pinned: true);

    internal Iotlb()
    {
        // SAFETY: the array does not move; both tables lie in it, from the next multiple of a cache line on.
        Reads = (ulong*)(((nuint)Unsafe.AsPointer(ref _memory[0]) + ((LineWords * sizeof(ulong)) - 1)) & ~(nuint)((LineWords * sizeof(ulong)) - 1));
        Writes = Reads + TableWords;
        Clear(Reads);
        Clear(Writes);
    }

    /// <summary>Gets the table for reads. Valid as long as this object is referenced.</summary>
    internal ulong* Reads { get; }

    /// <summary>Gets the table for writes.</summary>
    internal ulong* Writes { get; }

    /// <summary>Translates an address by a table. For use in a section.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryTranslate(ulong* table, ulong page, ref byte* at)
    {
        // SAFETY: the index is below the number of entries.
        ulong* entry = table + (page % Entries * EntryWords);
        ulong version = Volatile.Read(ref entry[Version]);
        if (Volatile.Read(ref entry[Page]) != page)
        {
            return false;
        }

        ulong addend = Volatile.Read(ref entry[Addend]);
        at = (byte*)unchecked((ulong)at + addend);
        return Volatile.Read(ref entry[Version]) == version;
    }

    /// <summary>Whether a page is in a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Has(ulong* table, ulong page) => Volatile.Read(ref table[page % Entries * EntryWords]) == page;

    /// <summary>Puts a page in, in the place of another one. By one thread at a time, like all that follows.</summary>
    internal static void Set(ulong* table, ulong page, byte* mapping)
    {
        ulong* entry = table + (page % Entries * EntryWords);
        ulong addend = unchecked((ulong)mapping - (page << GuestAddress.PageShift));
        if (entry[Page] == page && entry[Addend] == addend)
        {
            return;
        }

        Volatile.Write(ref entry[Page], NoPage);
        Volatile.Write(ref entry[Version], entry[Version] + 1);
        Volatile.Write(ref entry[Addend], addend);
        Volatile.Write(ref entry[Page], page);
    }

    /// <summary>Takes out the pages of a range, first and last.</summary>
    internal void Remove(ulong first, ulong last)
    {
        Remove(Reads, first, last);
        Remove(Writes, first, last);
    }

    /// <summary>Takes out all pages.</summary>
    internal void Clear()
    {
        Clear(Reads);
        Clear(Writes);
    }

    /// <summary>Takes out all pages that may be written.</summary>
    internal void ClearWrites() => Clear(Writes);

    private static void Remove(ulong* table, ulong first, ulong last)
    {
        // As many steps as there are pages, or entries.
        if (last - first < Entries)
        {
            for (ulong page = first; page - first <= last - first; page++)
            {
                if (table[page % Entries * EntryWords] == page)
                {
                    Volatile.Write(ref table[page % Entries * EntryWords], NoPage);
                }
            }

            return;
        }

        for (int i = 0; i < Entries; i++)
        {
            if (table[i * EntryWords] - first <= last - first)
            {
                Volatile.Write(ref table[i * EntryWords], NoPage);
            }
        }
    }

    private static void Clear(ulong* table)
    {
        for (int i = 0; i < Entries; i++)
        {
            Volatile.Write(ref table[i * EntryWords], NoPage);
        }
    }
}
