using System.Runtime.CompilerServices;

namespace Hyperspan.Translation;

/// <summary>
/// The translations of single pages that the fast paths use: a table of fixed size for reads and one for writes. An entry has the number of the page that it translates,
/// or <see cref="NoPage"/>, and what is added to an address in it to get the address in this process.
/// </summary>
/// <remarks>
/// <para>
/// Read without a lock. A value is accessed by a stub that looks an entry up and does the access in one restartable sequence; bytes are copied in a section of <see
/// cref="Synchronization.RcuDomain.GuestMemory"/>. So whoever removes entries and then waits for that domain knows that nobody uses them any more.
/// </para>
/// <para>
/// An entry may be given to another page without waiting for anybody: who reads one looks at the page before and after it has read what to add, and the page is taken
/// out before that is changed and put in afterwards.
/// </para>
/// </remarks>
internal sealed unsafe class Iotlb
{
    private const int Entries = 512;
    private const int EntryWords = 2;
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
        if (Volatile.Read(ref entry[0]) != page)
        {
            return false;
        }

        ulong addend = Volatile.Read(ref entry[1]);
        at = (byte*)unchecked((ulong)at + addend);
        return Volatile.Read(ref entry[0]) == page;
    }

    /// <summary>Whether a page is in a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Has(ulong* table, ulong page) => Volatile.Read(ref table[page % Entries * EntryWords]) == page;

    /// <summary>Puts a page in, in the place of another one. By one thread at a time, like all that follows.</summary>
    internal static void Set(ulong* table, ulong page, byte* mapping)
    {
        ulong* entry = table + (page % Entries * EntryWords);
        ulong addend = unchecked((ulong)mapping - (page << GuestAddress.PageShift));
        if (entry[0] == page && entry[1] == addend)
        {
            return;
        }

        Volatile.Write(ref entry[0], NoPage);
        Volatile.Write(ref entry[1], addend);
        Volatile.Write(ref entry[0], page);
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
