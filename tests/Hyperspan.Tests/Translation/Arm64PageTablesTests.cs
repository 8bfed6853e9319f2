using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

public sealed class Arm64PageTablesTests : IDisposable
{
    private const ulong Table = 3;
    private const ulong Page = 3;
    private const ulong Block = 1;

    private readonly GuestMemory _memory = GuestMemory.Allocate(16 << 20);
    private ulong _next = 0x10_0000;

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(12, 48, 4)]
    [InlineData(12, 39, 3)]
    [InlineData(12, 52, 5)]
    [InlineData(14, 47, 3)]
    [InlineData(14, 48, 4)]
    [InlineData(14, 36, 2)]
    [InlineData(16, 48, 3)]
    [InlineData(16, 42, 2)]
    public void Pages_of_each_granule_are_found_in_both_halves(int granule, int bits, int levels)
    {
        foreach (bool upper in (bool[])[false, true])
        {
            ulong root = _next;
            _next += 1UL << granule;
            ulong within = (0x5a5a_5a5a_5a5a_5a5aUL & ((1UL << bits) - 1)) >> granule << granule;
            ulong address = upper ? within | (ulong.MaxValue << bits) : within;
            ulong physical = 0x80_0000;
            Map(root, address, granule, bits, levels, 1, physical | Page | (1 << 6));
            var tables = new Arm64PageTables(_memory, upper ? 0 : root, upper ? root : 0, Tcr(granule, bits));
            GuestTranslation found = tables.Translate(address + 0x234, VirtualAccess.Write | VirtualAccess.User);
            found.Address.ShouldBe(new GuestAddress(physical + 0x234));
            found.PageSize.ShouldBe(1UL << granule);
            found.Level.ShouldBe(1);
            tables.TryTranslate(address ^ (1UL << (bits - 1)), VirtualAccess.None, out _, out TranslationFault fault).ShouldBeFalse();
            (fault.Kind, fault.Level).ShouldBe((TranslationFaultKind.NotPresent, levels));
            if (bits < 52)
            {
                tables.TryTranslate(address ^ (1UL << bits), VirtualAccess.None, out _, out fault).ShouldBeFalse();
                fault.Kind.ShouldBe(TranslationFaultKind.OutOfRange);
            }
        }
    }

    [Theory]
    [InlineData(12, 2, 21)]
    [InlineData(12, 3, 30)]
    [InlineData(14, 2, 25)]
    [InlineData(16, 2, 29)]
    public void Blocks_are_found(int granule, int level, int shift)
    {
        ulong size = 1UL << shift;
        ulong root = _next;
        _next += 1UL << granule;
        int levels = (48 - granule + granule - 4) / (granule - 3);
        Map(root, 5 * size, granule, 48, levels, level, (3 * size) | Block | (1 << 7));
        var tables = new Arm64PageTables(_memory, root | (0x77UL << 48), 0, Tcr(granule, 48));
        GuestTranslation found = tables.Translate((6 * size) - 9, VirtualAccess.Read | VirtualAccess.Execute);
        found.Address.ShouldBe(new GuestAddress((4 * size) - 9));
        found.PageSize.ShouldBe(size);
        found.Kernel.ShouldBe(Protection.ReadExecute);
        found.User.ShouldBe(Protection.None);
    }

    [Fact]
    public void Permissions_of_all_levels_are_joined()
    {
        ulong root = _next;
        _next += 0x1000;
        Map(root, 0x5000, 12, 39, 3, 1, 0x80_0000 | Page | (1 << 6));
        var tables = new Arm64PageTables(_memory, root, 0, Tcr(12, 39));
        GuestTranslation found = tables.Translate(0x5000, VirtualAccess.None);
        found.User.ShouldBe(Protection.ReadWriteExecute);

        // What a program may write the kernel never executes.
        found.Kernel.ShouldBe(Protection.ReadWrite);
        _memory.Or(root, 1UL << 62 | 1UL << 60);
        tables.Invalidate();
        found = tables.Translate(0x5000, VirtualAccess.None);
        found.User.ShouldBe(Protection.Read);
        found.Kernel.ShouldBe(Protection.ReadExecute);
        _memory.Or(root, 1UL << 61);
        tables.Invalidate();
        tables.TryTranslate(0x5000, VirtualAccess.Read | VirtualAccess.User, out _, out TranslationFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.Protection);
    }

    [Fact]
    public void Tagged_addresses_and_halves_that_are_off()
    {
        ulong root = _next;
        _next += 0x1000;
        Map(root, 0x5000, 12, 39, 3, 1, 0x80_0000 | Page);
        new Arm64PageTables(_memory, root, 0, Tcr(12, 39) | 1UL << 37).Translate(0xab00_0000_0000_5000, VirtualAccess.None).Address.ShouldBe(new GuestAddress(0x80_0000));
        new Arm64PageTables(_memory, root, 0, Tcr(12, 39)).TryTranslate(0xab00_0000_0000_5000, VirtualAccess.None, out _, out TranslationFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.OutOfRange);
        new Arm64PageTables(_memory, root, 0, Tcr(12, 39) | 1UL << 7).TryTranslate(0x5000, VirtualAccess.None, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(TranslationFaultKind.OutOfRange);
    }

    /// <summary>Both halves alike; addresses of 52 bits where the granule is smaller than 64 KiB and they are asked for.</summary>
    private static ulong Tcr(int granule, int bits)
    {
        ulong size = (ulong)(64 - bits);
        ulong lower = granule switch { 12 => 0UL, 14 => 2, _ => 1 };
        ulong upper = granule switch { 12 => 2UL, 14 => 1, _ => 3 };
        return size | (size << 16) | (lower << 14) | (upper << 30) | (bits == 52 ? 1UL << 59 : 0);
    }

    private void Map(ulong table, ulong address, int granule, int bits, int levels, int level, ulong entry)
    {
        int stride = granule - 3;
        address &= (1UL << bits) - 1;
        for (int at = levels; ; at--)
        {
            int shift = granule + (stride * (at - 1));
            ulong index = at == levels ? address >> shift : address >> shift & ((1UL << stride) - 1);
            ulong place = table + (index * 8);
            if (at == level)
            {
                _memory.Write(place, entry);
                return;
            }

            ulong next = _memory.Read<ulong>(place);
            if (next == 0)
            {
                next = _next | Table;
                _next += 1UL << granule;
                _memory.Write(place, next);
            }

            table = next & 0x0000_ffff_ffff_f000;
        }
    }
}
