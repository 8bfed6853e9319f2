using Hyperspan.Guarding;
using Hyperspan.Stubs;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Guarding;

/// <summary>The stubs that look an address up in a table of translations, and do the access where that leads.</summary>
public unsafe class GuardTranslatedTests
{
    private const ulong Pattern = 0xF1E2D3C4B5A69788;
    private const ulong Page = GuestAddress.PageSize;

    public static TheoryData<int> Sizes() => [1, 2, 4, 8];

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Accesses_go_where_the_entry_of_their_page_leads(int size)
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        ulong mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        using var backing = new HeapBacking(2 * Page);
        var table = new Iotlb();
        foreach (ulong page in new ulong[] { 0, 1, 511, 512, 513, 0x8_0000_0000_0000, 0xf_ffff_ffff_ffff })
        {
            byte* at = backing.Mapping + Page + 64;
            byte* iova = (byte*)((page * Page) + 64);
            Load(iova, table.Reads, page, size).Status.ShouldBe((ulong)StubProgram.StatusBitClear);
            Iotlb.Set(table.Reads, page, backing.Mapping + Page);
            *(ulong*)at = Pattern;
            GuardedResult loaded = Load(iova, table.Reads, page, size);
            (loaded.Value & mask, loaded.Status).ShouldBe((Pattern & mask, 0UL));
            Store(iova, 5, table.Writes, page, size).Status.ShouldBe((ulong)StubProgram.StatusBitClear);
            Exchange(iova, 5, Pattern, table.Writes, page, size).Status.ShouldBe((ulong)StubProgram.StatusBitClear);
            (*(ulong*)at).ShouldBe(Pattern);
            Iotlb.Set(table.Writes, page, backing.Mapping + Page);
            Store(iova, ~Pattern, table.Writes, page, size).Ok.ShouldBeTrue();
            (*(ulong*)at).ShouldBe((Pattern & ~mask) | (~Pattern & mask));
            GuardedResult exchanged = Exchange(iova, 5, Pattern, table.Writes, page, size);
            (exchanged.Value & mask, exchanged.Status).ShouldBe((~Pattern & mask, 0UL));
            (*(ulong*)at).ShouldBe((Pattern & ~mask) | (~Pattern & mask));
            Exchange(iova, 5, ~Pattern, table.Writes, page, size).Ok.ShouldBeTrue();
            (*(ulong*)at).ShouldBe((Pattern & ~mask) | 5);

            // Another page with the same entry has none of it, and takes it.
            ulong other = page ^ 0x200;
            Load((byte*)((other * Page) + 64), table.Reads, other, size).Status.ShouldBe((ulong)StubProgram.StatusBitClear);
            Iotlb.Set(table.Reads, other, backing.Mapping);
            Load(iova, table.Reads, page, size).Status.ShouldBe((ulong)StubProgram.StatusBitClear);
            *(ulong*)(backing.Mapping + 64) = 99;
            (Load((byte*)((other * Page) + 64), table.Reads, other, size).Value & mask).ShouldBe(99UL);
            table.Remove(other, other);
            Load((byte*)((other * Page) + 64), table.Reads, other, size).Ok.ShouldBeFalse();
            Iotlb.Has(table.Writes, page).ShouldBeTrue();
            table.ClearWrites();
            Iotlb.Has(table.Writes, page).ShouldBeFalse();
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void A_fault_where_it_leads_is_recovered(int size)
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        using var hole = new SparseBacking(Page);
        var table = new Iotlb();
        Iotlb.Set(table.Reads, 7, hole.Mapping);
        Iotlb.Set(table.Writes, 7, hole.Mapping);
        byte* iova = (byte*)((7 * Page) + 8);
        foreach (GuardedResult result in new[]
        {
            Load(iova, table.Reads, 7, size), Store(iova, 1, table.Writes, 7, size), Exchange(iova, 1, 0, table.Writes, 7, size),
        })
        {
            result.Status.ShouldBe(11UL);
            result.Value.ShouldBe((ulong)hole.Mapping + 8);
        }
    }

    /// <summary>An entry is given to one page and another in turns, while both are read: each leads to where its own bytes are, or nowhere.</summary>
    [SkippableFact]
    public void An_entry_that_is_given_away_and_back_leads_nowhere_else()
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);

        // Two pages with one entry, 2 MiB apart. Each lies at two places in turns, all of which say whose they are; what one page's addend makes of the other's address is
        // memory too, and says that it is wrong.
        const ulong First = 1;
        const ulong Second = First + 512;
        const ulong Apart = 512 * Page;
        using var backing = new HeapBacking(6 * Apart);
        ulong[] firsts = [2 * Apart, 3 * Apart + (8 * Page)];
        ulong[] seconds = [2 * Apart + (16 * Page), 3 * Apart + (24 * Page)];
        new Span<byte>(backing.Mapping, (int)backing.Length).Fill(0xee);
        foreach (ulong at in firsts)
        {
            *(ulong*)(backing.Mapping + at) = First;
        }

        foreach (ulong at in seconds)
        {
            *(ulong*)(backing.Mapping + at) = Second;
        }

        var table = new Iotlb();
        bool ended = false;
        ulong wrong = 0, right = 0;
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                foreach (ulong page in (ulong[])[First, Second])
                {
                    GuardedResult read = Load((byte*)(page * Page), table.Reads, page, 8);
                    wrong += read.Ok && read.Value != page ? 1UL : 0;
                    byte* at = (byte*)(page * Page);
                    bool found = Iotlb.TryTranslate(table.Reads, page, ref at);
                    wrong += found && *(ulong*)at != page ? 1UL : 0;
                    right += read.Ok && found ? 1UL : 0;
                }
            }
        });
        reader.Start();
        try
        {
            for (int i = 0; i < 3_000_000 || (Volatile.Read(ref right) < 1000 && i < 300_000_000); i++)
            {
                Iotlb.Set(table.Reads, First, backing.Mapping + firsts[i & 1]);
                Iotlb.Set(table.Reads, Second, backing.Mapping + seconds[i & 1]);
            }
        }
        finally
        {
            Volatile.Write(ref ended, true);
            reader.Join();
        }

        wrong.ShouldBe(0UL);
        Skip.If(right == 0, "the reader never had a turn while an entry was there");
    }

    private static GuardedResult Load(byte* p, ulong* table, ulong page, int size) => size switch
    {
        1 => Guard.BitCheckedLoad<byte>(p, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        2 => Guard.BitCheckedLoad<ushort>(p, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        4 => Guard.BitCheckedLoad<uint>(p, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        _ => Guard.BitCheckedLoad<ulong>(p, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
    };

    private static GuardedResult Store(byte* p, ulong value, ulong* table, ulong page, int size) => size switch
    {
        1 => Guard.BitCheckedStore(p, (byte)value, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        2 => Guard.BitCheckedStore(p, (ushort)value, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        4 => Guard.BitCheckedStore(p, (uint)value, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        _ => Guard.BitCheckedStore(p, value, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
    };

    private static GuardedResult Exchange(byte* p, ulong value, ulong comparand, ulong* table, ulong page, int size) => size switch
    {
        1 => Guard.BitCheckedCompareExchange(p, (byte)value, (byte)comparand, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        2 => Guard.BitCheckedCompareExchange(p, (ushort)value, (ushort)comparand, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        4 => Guard.BitCheckedCompareExchange(p, (uint)value, (uint)comparand, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
        _ => Guard.BitCheckedCompareExchange(p, value, comparand, (byte*)table, page, GuardEntry.Code + StubCode.TranslatedDistance),
    };
}
