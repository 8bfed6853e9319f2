using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

public sealed class X64PageTablesTests : IDisposable
{
    private const ulong Root = 0x1000;
    private const ulong Present = 1;
    private const ulong Writable = 2;
    private const ulong User = 4;
    private const ulong Large = 0x80;
    private const ulong NoExecute = 1UL << 63;

    private readonly GuestMemory _memory = GuestMemory.Allocate(4 << 20);
    private ulong _next = 0x2000;

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(false, 0UL)]
    [InlineData(false, 0x7fff_ffff_f000UL)]
    [InlineData(false, 0xffff_8000_0000_0000UL)]
    [InlineData(false, 0xffff_ffff_ffff_f000UL)]
    [InlineData(true, 0x00ff_ffff_ffff_f000UL)]
    [InlineData(true, 0xff00_0000_0000_0000UL)]
    public void Smallest_page_is_found(bool fiveLevels, ulong address)
    {
        Map(address, 0x30_0000 | Present | Writable | User, level: 1, fiveLevels);
        var tables = new X64PageTables(_memory, Root | 0x18, fiveLevels);
        GuestTranslation found = tables.Translate(address + 0x123, VirtualAccess.Read | VirtualAccess.User);
        found.Address.ShouldBe(new GuestAddress(0x30_0123));
        found.PageSize.ShouldBe(4096UL);
        found.Level.ShouldBe(1);
        found.Kernel.ShouldBe(Protection.ReadWriteExecute);
    }

    [Theory]
    [InlineData(2, 0x20_0000UL)]
    [InlineData(3, 0x4000_0000UL)]
    public void Huge_page_is_found(int level, ulong size)
    {
        const ulong Address = 0xffff_8880_0000_0000;
        Map(Address, (2 * size) | Present | Writable | Large | NoExecute | 0x1000, level, fiveLevels: false);
        var tables = new X64PageTables(_memory, Root);
        GuestTranslation found = tables.Translate(Address + size - 5, VirtualAccess.Write);
        found.Address.ShouldBe(new GuestAddress((3 * size) - 5));
        found.PageSize.ShouldBe(size);
        found.Kernel.ShouldBe(Protection.ReadWrite);
        found.User.ShouldBe(Protection.None);
    }

    [Fact]
    public void Fault_names_level_and_entry()
    {
        const ulong Address = 0x1234_5678_9000;
        Map(Address, 0x30_0000 | Present, level: 1, fiveLevels: false);
        var tables = new X64PageTables(_memory, Root);
        tables.TryTranslate(Address + 0x123, out GuestAddress there).ShouldBeTrue();
        there.ShouldBe(new GuestAddress(0x30_0123));
        tables.Translate(Address + 0x123).ShouldBe(new GuestAddress(0x30_0123));
        tables.TryTranslate(Address + 0x1000, out there, out TranslationFault reason).ShouldBeFalse();
        GuestTranslationException refused = Should.Throw<GuestTranslationException>(() => tables.Translate(Address + 0x1000));
        (refused.Fault, refused.Kind, refused.Address).ShouldBe((reason, TranslationFaultKind.NotPresent, Address + 0x1000));
        tables.TryTranslate(Address + 0x1000, out there).ShouldBeFalse();
        there.ShouldBe(default);
        tables.TryTranslate(Address + 0x1000, VirtualAccess.None, out _, out TranslationFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.NotPresent);
        fault.Level.ShouldBe(1);
        fault.Entry.ShouldBe(0UL);
        fault.EntryAddress.ShouldBe(new GuestAddress(0x4000 + (0x18a * 8)));
        fault.ToString().ShouldBe("0x12345678a000: not present: level 1 entry at 0x4c50 is 0x0");
        tables.TryTranslate(0x9999_0000_0000_0000, VirtualAccess.None, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.OutOfRange);
        tables.TryTranslate(0x4000_0000_0000, VirtualAccess.None, out _, out fault).ShouldBeFalse();
        fault.Level.ShouldBe(4);
        tables.TryTranslate(Address, VirtualAccess.Write, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.Protection);
        tables.TryTranslate(Address, VirtualAccess.Read | VirtualAccess.User, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.Protection);
        Should.Throw<GuestTranslationException>(() => tables.Translate(Address, VirtualAccess.Write)).Fault.ShouldBe(fault with { Kind = TranslationFaultKind.Protection });
    }

    [Fact]
    public void Entries_that_cannot_be_are_refused()
    {
        _memory.Write(Root, 0x2000 | Present | Large);
        var tables = new X64PageTables(_memory, Root);
        tables.TryTranslate(0, VirtualAccess.None, out _, out TranslationFault fault).ShouldBeFalse();
        (fault.Kind, fault.Level).ShouldBe((TranslationFaultKind.InvalidEntry, 4));
        _memory.Write(Root, 0x7f_ffff_f000 | Present);
        tables.TryTranslate(0, VirtualAccess.None, out _, out fault).ShouldBeFalse();
        (fault.Kind, fault.Level, fault.MemoryFault.Kind).ShouldBe((TranslationFaultKind.Memory, 3, GuestMemoryFaultKind.OutOfRange));

        // A table that is its own next one is four reads like any other.
        _memory.Write(Root, Root | Present | Writable);
        tables.Translate(0, VirtualAccess.Read).Address.ShouldBe(new GuestAddress(Root));
    }

    [Fact]
    public void Translations_are_kept_until_they_are_forgotten()
    {
        Map(0x5000, 0x30_0000 | Present, level: 1, fiveLevels: false);
        var tables = new X64PageTables(_memory, Root);
        GuestTranslation found = tables.Translate(0x5000, VirtualAccess.None);
        _memory.Write(found.EntryAddress, 0x31_0000 | Present);
        tables.Translate(0x5008, VirtualAccess.None).Address.ShouldBe(new GuestAddress(0x30_0008));
        tables.Invalidate();
        tables.Translate(0x5008, VirtualAccess.None).Address.ShouldBe(new GuestAddress(0x31_0008));
    }

    [Fact]
    public void View_reads_across_pages()
    {
        byte[] bytes = new byte[3 * 4096];
        new Random(1).NextBytes(bytes);
        for (int i = 0; i < 3; i++)
        {
            // Scattered, and the other way round.
            ulong physical = 0x30_0000 - ((ulong)i * 0x3000);
            Map(0x7f00_0000_0000 + ((ulong)i * 4096), physical | Present, level: 1, fiveLevels: false);
            _memory.Write(physical, bytes.AsSpan(i * 4096, 4096));
        }

        var view = new GuestVirtualMemory(new X64PageTables(_memory, Root), VirtualAccess.Read);
        byte[] read = new byte[bytes.Length - 7];
        view.Read(0x7f00_0000_0007, read);
        read.AsSpan().SequenceEqual(bytes.AsSpan(7)).ShouldBeTrue();
        view.Read<ulong>(0x7f00_0000_0ffc).ShouldBe(BitConverter.ToUInt64(bytes, 0xffc));
        view.Read<uint>(0x7f00_0000_0ff0).ShouldBe(BitConverter.ToUInt32(bytes, 0xff0));
        view.ReadAvailable(0x7f00_0000_2ff0, new byte[100], out TranslationFault fault).ShouldBe(16);
        fault.VirtualAddress.ShouldBe(0x7f00_0000_3000UL);
        view.TryRead(0x7f00_0000_2ffc, out ulong _, out fault).ShouldBeFalse();
        fault.VirtualAddress.ShouldBe(0x7f00_0000_3000UL);
        view.IndexOf(0x7f00_0000_0000, 3 * 4096, bytes.AsSpan(4090, 12)).ShouldBe(0x7f00_0000_0000UL + 4090);
        view.IndexOf(0x7f00_0000_0000, 3 * 4096, new byte[40]).ShouldBeNull();
        _memory.Write(0x30_0ff8, "linux on\0"u8[..8]);
        _memory.Write(0x2f_d000, " two pages\0"u8);
        view.ReadString(0x7f00_0000_0ff8, 100).ShouldBe("linux on two pages");
        view.ReadString(0x7f00_0000_0ff8, 5).ShouldBe("linux");
        view.TryRead(ulong.MaxValue - 1, [], out fault).ShouldBeTrue();
    }

    [Fact]
    public void What_is_written_crosses_pages_and_stops_at_the_first_that_refuses()
    {
        const ulong At = 0x7f00_0000_0000;
        Map(At, 0x30_0000 | Present | Writable, level: 1, fiveLevels: false);
        Map(At + 4096, 0x2f_d000 | Present | Writable, level: 1, fiveLevels: false);
        Map(At + 8192, 0x2f_a000 | Present, level: 1, fiveLevels: false);
        var tables = new X64PageTables(_memory, Root);
        var kernel = new GuestVirtualMemory(tables, VirtualAccess.Read);
        kernel.Write(At + 8, 0x1122_3344u);
        _memory.Read<uint>(0x30_0008).ShouldBe(0x1122_3344u);
        kernel.Write(At + 4092, 0x0102_0304_0506_0708UL);
        _memory.Read<uint>(0x2f_d000).ShouldBe(0x0102_0304u);
        kernel.Write(At + 4090, "linux on two pages"u8);
        kernel.ReadString(At + 4090, 18).ShouldBe("linux on two pages");

        // The third page is not writable: what lies before it is written.
        kernel.TryWrite(At + 8190, "abcd"u8, out TranslationFault fault).ShouldBeFalse();
        (fault.Kind, fault.VirtualAddress).ShouldBe((TranslationFaultKind.Protection, At + 8192));
        kernel.ReadString(At + 8190, 4).ShouldBe("ab");
        Should.Throw<GuestTranslationException>(() => kernel.Write(At + 8192, 1)).Kind.ShouldBe(TranslationFaultKind.Protection);
        Should.Throw<GuestTranslationException>(() => kernel.Write(At + (3 * 4096), [1])).Address.ShouldBe(At + (3 * 4096));
        new GuestVirtualMemory(tables, VirtualAccess.Read | VirtualAccess.User).TryWrite(At, 1, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.Protection);

        // Whoever looks from outside writes what is there, and nothing where nothing is.
        var outside = new GuestVirtualMemory(tables);
        outside.Write(At + 8192, 7);
        outside.Read<int>(At + 8192).ShouldBe(7);
        outside.TryWrite(ulong.MaxValue - 1, [], out fault).ShouldBeTrue();
        outside.TryWrite(At + (3 * 4096) - 2, 1UL, out fault).ShouldBeFalse();
        fault.VirtualAddress.ShouldBe(At + (3 * 4096));
    }

    [Theory]
    [InlineData(0x30_0000UL)]
    [InlineData(0x30_0ffcUL)]
    public void Types_that_are_refused_are_so_wherever_the_value_lies(ulong at)
    {
        // Across two pages they were copied as bytes: padding was written, and flags were read that are neither true nor false.
        Map(0x30_0000, 0x30_0000 | Present | Writable, level: 1, fiveLevels: false);
        Map(0x30_1000, 0x20_0000 | Present | Writable, level: 1, fiveLevels: false);
        var view = new GuestVirtualMemory(new X64PageTables(_memory, Root));
        Should.Throw<NotSupportedException>(() => view.Read<Padded>(at));
        Should.Throw<NotSupportedException>(() => view.TryRead(at, out Flagged _, out _));
        Should.Throw<NotSupportedException>(() => view.Write(at, default(Padded)));
        Should.Throw<NotSupportedException>(() => view.TryWrite(at, default(Flagged), out _));
        Should.Throw<NotSupportedException>(() => view.TryRead(0x50_0000, out Flagged _, out _));
    }

    [Fact]
    public void Text_and_searches_end_with_the_addresses()
    {
        const ulong Last = 0xffff_ffff_ffff_f000;
        Map(Last, 0x30_0000 | Present | Writable, level: 1, fiveLevels: false);
        Map(0, 0x20_0000 | Present | Writable, level: 1, fiveLevels: false);
        _memory.Fill(0x30_0000, (byte)'x', 4096);
        _memory.Write(0x20_0000, "needle\0"u8);
        var view = new GuestVirtualMemory(new X64PageTables(_memory, Root));

        // The pieces that text is read in end where the addresses do: it went on at zero.
        TranslationFault fault = Should.Throw<GuestTranslationException>(() => view.ReadString(Last + 0xf00, 1000)).Fault;
        fault.Kind.ShouldBe(TranslationFaultKind.OutOfRange);
        view.ReadString(Last + 0xf00, 256).ShouldBe(new string('x', 256));
        view.IndexOf(Last, ulong.MaxValue, "n"u8).ShouldBeNull();
        for (ulong page = Last - 0xf000; page < Last; page += 0x1000)
        {
            Map(page, 0x30_0000 | Present, level: 1, fiveLevels: false);
        }

        view.IndexOf(Last - 0xf000, ulong.MaxValue, "n"u8).ShouldBeNull();
    }

    [Fact]
    public void Whatever_the_tables_hold_ends()
    {
        var random = new Random(7);
        byte[] garbage = new byte[256 << 10];
        for (int round = 0; round < 20; round++)
        {
            random.NextBytes(garbage);
            for (int i = 0; i < garbage.Length; i += 8)
            {
                // Mostly present, and within the memory or just past it.
                ulong entry = BitConverter.ToUInt64(garbage, i) & 0x8000_0000_004f_ffff | (random.Next(8) == 0 ? 0UL : Present);
                BitConverter.TryWriteBytes(garbage.AsSpan(i), entry);
            }

            _memory.Write(0, garbage);
            var four = new GuestVirtualMemory(new X64PageTables(_memory, Root, fiveLevels: round % 2 == 0));
            var arm = new GuestVirtualMemory(new Arm64PageTables(_memory, 0x1000, 0x2000, (ulong)random.NextInt64()), VirtualAccess.None);
            byte[] some = new byte[9000];
            for (int i = 0; i < 300; i++)
            {
                ulong address = (ulong)random.NextInt64() << random.Next(20);
                four.ReadAvailable(address, some).ShouldBeInRange(0, some.Length);
                arm.ReadAvailable(address, some).ShouldBeInRange(0, some.Length);
            }
        }
    }

    [Fact]
    public void Tables_translate_for_every_operation_as_the_kernel()
    {
        const ulong Address = 0xffff_8880_0000_0000;
        Map(Address, 0x30_0000 | Present | Writable, level: 1, fiveLevels: false);
        Map(Address + 0x1000, 0x21_0000 | Present, level: 1, fiveLevels: false);
        Map(Address + 0x40_0000, 0x20_0000 | Present | Writable | Large, level: 2, fiveLevels: false);
        var tables = new X64PageTables(_memory, Root, fiveLevels: false);
        using var translated = new TranslatedMemory(_memory, tables);
        translated.Memory.Write(Address + 8, 5UL);
        translated.Memory.CompareExchange(Address + 8, 6UL, 5UL).ShouldBe(5UL);
        _memory.Read<ulong>(0x30_0008).ShouldBe(6UL);
        translated.Memory.Fill(Address + 0x40_0000 + 0x1000, 9, 0x2000);
        _memory.Read<byte>(0x20_2fff).ShouldBe((byte)9);
        translated.Memory.Read<ulong>(Address + 0x1000).ShouldBe(0UL);
        translated.Memory.TryWrite(Address + 0xfff, (ushort)1, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, Address + 0x1000);
        translated.Memory.TryRead(Address + 0x2000, out byte _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, Address + 0x2000);
    }

    private void Map(ulong address, ulong entry, int level, bool fiveLevels)
    {
        ulong table = Root;
        for (int at = fiveLevels ? 5 : 4; at > level; at--)
        {
            ulong place = table + ((address >> (12 + (9 * (at - 1))) & 0x1ff) * 8);
            ulong next = _memory.Read<ulong>(place);
            if (next == 0)
            {
                next = _next | Present | Writable | User;
                _next += 0x1000;
                _memory.Write(place, next);
            }

            table = next & 0x000f_ffff_ffff_f000;
        }

        _memory.Write(table + ((address >> (12 + (9 * (level - 1))) & 0x1ff) * 8), entry);
    }

    private readonly record struct Padded(byte First, ulong Second);

    private readonly record struct Flagged(uint First, bool A, bool B, bool C, bool D);
}
