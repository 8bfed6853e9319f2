using Hyperspan.Guarding;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

/// <summary>Memory behind translations: where accesses go, what refuses them, what a fault says.</summary>
public sealed class TranslatedMemoryTests : IDisposable
{
    private const ulong Page = PageMap.Page;
    private const ulong Iova = 0x7000_0000;

    private readonly GuestMemory _ram = GuestMemory.Allocate(16 * Page);
    private readonly PageMap _map = new();
    private readonly TranslatedMemory _translated;

    public TranslatedMemoryTests() => _translated = new TranslatedMemory(_ram, _map, "dma");

    private GuestMemory Memory => _translated.Memory;

    public void Dispose()
    {
        _translated.Dispose();
        _ram.Dispose();
    }

    [Fact]
    public void A_probe_finds_where_memory_ends_inside_a_page()
    {
        using var exact = new GuestMemory(new HeapBacking(Page + 5, new HeapBackingOptions { ExactLength = true }), "exact");
        using var translated = new TranslatedMemory(exact, new PageMap().Map(8, 0, 2), "dma");
        translated.Memory.TryProbe(8 * Page, Page + 5, AccessType.Write, out _).ShouldBeTrue();
        foreach (ulong length in (ulong[])[Page + 6, Page + 100, 2 * Page])
        {
            translated.Memory.TryProbe(8 * Page, length, AccessType.Read, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, (9 * Page) + 5);
            fault.TargetAddress.ShouldBe(new GuestAddress(Page + 5));
        }
    }

    [Fact]
    public void What_is_translated_to_two_regions_stays_in_them()
    {
        using var lower = new HeapBacking(2 * Page);
        using GuestMemory odd = new GuestMemoryBuilder("odd")
            .LeaveBackingsOpen().AddRegion(Page - 5, lower, 0, Page + 5, Protection.ReadWrite).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        using var all = new GuestMemory(lower, "lower", leaveOpen: true);
        using var translated = new TranslatedMemory(odd, new PageMap().Map(8, 1, 2), "dma");
        all.Fill(Page + 5, 0x11, Page - 5);
        foreach (ulong from in (ulong[])[0, 3, 5])
        {
            ulong at = (9 * Page) - 8 + from;
            translated.Memory.Write(at, 0x8877_6655_4433_2211UL);
            odd.Read<ulong>(at - (7 * Page)).ShouldBe(0x8877_6655_4433_2211UL);
            translated.Memory.Read<ulong>(at).ShouldBe(0x8877_6655_4433_2211UL);
            all.IndexOf(Page + 5, Page - 5, 0x22).ShouldBeNull();
        }

        // Aligned above, and not where it is.
        translated.Memory.TryAdd((8 * Page) + 8, 1UL, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, (8 * Page) + 8);
        fault.TargetAddress.ShouldBe(new GuestAddress(Page + 8));
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(0x7_0000UL)]
    [InlineData((1UL << 51) - 1)]
    [InlineData((1UL << 51) - 2)]
    [InlineData((1UL << 52) - 3)]
    public void Values_and_bytes_go_where_the_pages_lie(ulong page)
    {
        // Three pages in a row, in no order below; the last of all addresses is one of them.
        _map.Map(page, 9).Map(page + 1, 3).Map(page + 2, 5);
        ulong at = page * Page;
        Memory.Write(at + 8, 0x1122_3344_5566_7788UL);
        _ram.Read<ulong>((9 * Page) + 8).ShouldBe(0x1122_3344_5566_7788UL);
        Memory.Write(at + Page - 4, 0xaabb_ccdd_eeff_0011UL);
        _ram.Read<uint>((10 * Page) - 4).ShouldBe(0xeeff_0011U);
        _ram.Read<uint>(3 * Page).ShouldBe(0xaabb_ccddU);
        Memory.Read<ulong>(at + Page - 4).ShouldBe(0xaabb_ccdd_eeff_0011UL);
        byte[] bytes = MemoryAssert.Pattern((int)(3 * Page));
        Memory.Write(at, bytes);
        _ram.Read(9 * Page, (int)Page).ShouldBe(bytes[..(int)Page]);
        _ram.Read(3 * Page, (int)Page).ShouldBe(bytes[(int)Page..(int)(2 * Page)]);
        _ram.Read(5 * Page, (int)Page).ShouldBe(bytes[(int)(2 * Page)..]);
        Memory.Read(at, bytes.Length).ShouldBe(bytes);
        Memory.Fill(at + 100, 7, 2 * Page);
        Memory.Read<byte>(at + (2 * Page) + 99).ShouldBe((byte)7);
        Memory.Read<byte>(at + (2 * Page) + 100).ShouldBe(bytes[(int)(2 * Page) + 100]);
        Memory.Read<byte>(at + (3 * Page) - 1).ShouldBe(bytes[^1]);
        Memory.CompareExchange(at + Page, 5UL, Memory.Read<ulong>(at + Page)).ShouldBe(0x0707_0707_0707_0707UL);
        _ram.Read<ulong>(3 * Page).ShouldBe(5UL);
        _map.Unmap(page + 3);
        if (page + 3 == 1UL << 52)
        {
            Memory.TryRead(at + (3 * Page) - 4, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        }
    }

    [Fact]
    public void A_translation_may_be_of_many_pages()
    {
        _map.Say(Iova / Page, new AddressTranslation(Iova - (2 * Page), Page, 8 * Page, Protection.ReadWrite));
        Memory.Write(Iova + 5, new byte[] { 1, 2, 3 });
        _ram.Read((3 * Page) + 5, 3).ShouldBe([1, 2, 3]);
        int lookUps = _map.LookUps;
        Memory.Fill(Iova + 1, 9, 5 * Page);
        (_map.LookUps - lookUps).ShouldBe(1);
    }

    [Fact]
    public void Without_a_translation_a_fault_has_one_address_and_with_one_both()
    {
        _map.Map(Iova / Page, 2);
        Memory.TryRead(Iova + Page - 8, new byte[16], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, Iova + Page);
        (fault.Cause, fault.TargetAddress, fault.Start, fault.Length, fault.MemoryName)
            .ShouldBe((FaultCause.Translation, null, new GuestAddress(Iova + Page - 8), 16UL, "dma"));
        fault.ToString().ShouldBe("guest memory 'dma': read error: failed to access 0x70000ff8-0x70001008 at 0x70001000: no translation");

        // Below it, but not in the memory that it leads to.
        _map.Map((Iova / Page) + 1, 16);
        Memory.TryWrite(Iova + Page - 8, new byte[16], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Iova + Page);
        fault.TargetAddress.ShouldBe(new GuestAddress(16 * Page));
        fault.Cause.ShouldBe(FaultCause.Check);
        fault.ToString().ShouldBe(
            "guest memory 'dma': write error: failed to access 0x70000ff8-0x70001008 at 0x70001000, translated to 0x10000: no memory at address");
        default(GuestMemoryFault).TargetAddress.ShouldBeNull();
        _ram.TryRead(1UL << 40, out ulong _, out fault).ShouldBeFalse();
        fault.TargetAddress.ShouldBeNull();
    }

    [Fact]
    public void Each_piece_is_permitted_by_its_translation()
    {
        ulong page = Iova / Page;
        _map.Map(page, 1).Map(page + 1, 2, 1, Protection.Read).Map(page + 2, 3, 1, new Protection(read: false, write: true, execute: false));
        _ram.Fill(0, 0x5a, 16 * Page);
        Memory.Read<ulong>(Iova + Page).ShouldBe(0x5a5a_5a5a_5a5a_5a5aUL);
        Refused(Memory.TryWrite(Iova + Page, 1UL, out GuestMemoryFault fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page);
        Refused(Memory.TryCompareExchange(Iova + Page + 8, 1, 1, out _, out _, out fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page + 8);
        Refused(Memory.TryWrite(Iova + 4000, new byte[500], out fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page);
        Refused(Memory.TryFill(Iova + 4000, 1, 500, out fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page);
        Refused(Memory.TryPin(Iova + 4000, 500, AccessType.Write, out _, out fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page);
        Refused(Memory.TryProbe(Iova, 2 * Page, AccessType.Write, out fault), fault, GuestMemoryFaultKind.ReadOnly, Iova + Page);
        Memory.TryProbe(Iova, 2 * Page, AccessType.Read, out _).ShouldBeTrue();
        Memory.Write(Iova + (2 * Page), 7UL);
        _ram.Read<ulong>(3 * Page).ShouldBe(7UL);
        Refused(Memory.TryRead(Iova + (2 * Page), out ulong _, out fault), fault, GuestMemoryFaultKind.Restricted, Iova + (2 * Page));
        Refused(Memory.TryRead(Iova, new byte[3 * Page], out fault), fault, GuestMemoryFaultKind.Restricted, Iova + (2 * Page));
        Refused(Memory.TryPinPages([page, page + 2], AccessType.Read, out _, out fault), fault, GuestMemoryFaultKind.Restricted, Iova + (2 * Page));
        Refused(Memory.TryProbePages([page, page + 2], AccessType.Read, out fault), fault, GuestMemoryFaultKind.Restricted, Iova + (2 * Page));
        Refused(Memory.TryCopyTo(Iova, _ram, 8 * Page, 3 * Page, out fault), fault, GuestMemoryFaultKind.Restricted, Iova + (2 * Page));
        fault.ToString().ShouldContain("translation permits no read");

        static void Refused(bool done, GuestMemoryFault fault, GuestMemoryFaultKind kind, ulong at)
        {
            done.ShouldBeFalse();
            fault.ShouldBeFault(kind, at);
            fault.Cause.ShouldBe(FaultCause.Translation);
            fault.TargetAddress.ShouldBeNull();
        }
    }

    [Fact]
    public void What_the_memory_below_refuses_is_refused_with_its_kind_and_both_addresses()
    {
        using var below = new GuestMemoryBuilder("below")
            .AddRegion(0, new SparseBacking(4 * Page))
            .AddRegion(4 * Page, new HeapBacking(4 * Page), Protection.Read)
            .Build();
        using var translated = new TranslatedMemory(below, _map);
        translated.Memory.Name.ShouldBe("below");
        _map.Map(0, 4).Map(1, 1);
        translated.Memory.Read<ulong>(8).ShouldBe(0UL);
        translated.Memory.TryWrite(8, 1UL, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 8);
        (fault.TargetAddress, fault.Cause).ShouldBe((new GuestAddress((4 * Page) + 8), FaultCause.Check));
        translated.Memory.TryRead(4090, new byte[100], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
        (fault.TargetAddress, fault.BackingName).ShouldBe((new GuestAddress(Page), "sparse"));
        translated.Memory.TryPin(4090, 100, AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
        fault.TargetAddress.ShouldBe(new GuestAddress(Page));
    }

    [Fact]
    public void What_a_translator_says_is_checked()
    {
        var answers = new (AddressTranslation Said, bool Good)[]
        {
            (new(Iova, Page, Page, Protection.ReadWrite), true),
            (new(Iova, Page, 0, Protection.ReadWrite), false),
            (new(Iova, Page + 8, Page, Protection.ReadWrite), false),
            (new(Iova + 8, Page, Page, Protection.ReadWrite), false),
            (new(Iova, Page, Page - 1, Protection.ReadWrite), false),
            (new(Iova + Page, Page, Page, Protection.ReadWrite), false),
            (new(Iova - Page, Page, Page, Protection.ReadWrite), false),
            (new(Iova, Page, unchecked(0 - Page), Protection.ReadWrite), false),
            (new(0, 0, unchecked(0 - Page), Protection.ReadWrite), true),
            (default, false),
        };
        foreach ((AddressTranslation said, bool good) in answers)
        {
            _map.Say(Iova / Page, said);
            bool read = Memory.TryRead(Iova, new byte[2000], out GuestMemoryFault fault);
            if (!good)
            {
                read.ShouldBeFalse(said.ToString());
                fault.ShouldBeFault(GuestMemoryFaultKind.Other, Iova);
                fault.Exception.ShouldBeOfType<InvalidOperationException>();
            }
            else if (said.Address == 0)
            {
                // It does lead somewhere: past the end of the memory.
                fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Iova);
                fault.TargetAddress.ShouldBe(new GuestAddress(Iova));
            }

            _translated.InvalidateAll();
        }
    }

    [Fact]
    public void A_miss_is_told_and_tried_again_as_often_as_it_gets_further()
    {
        var missed = new List<(ulong, AccessType)>();
        _map.Missed = (address, access) =>
        {
            missed.Add((address, access));
            _map.Map(address / Page, (address - Iova) / Page);
            return true;
        };
        Memory.Write(Iova + 100, new byte[(int)(2 * Page)]);
        missed.ShouldBe([(Iova + 100, AccessType.Write), (Iova + Page, AccessType.Write), (Iova + (2 * Page), AccessType.Write)]);
        missed.Clear();
        Memory.Pin(Iova + (3 * Page), 2 * Page, AccessType.Read).Dispose();
        missed.ShouldBe([(Iova + (3 * Page), AccessType.Read), (Iova + (4 * Page), AccessType.Read)]);

        _map.Missed = (_, _) => true;
        Memory.TryRead(Iova + (9 * Page), out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.RetryLimit, Iova + (9 * Page));
        Memory.TryPin(Iova + (9 * Page), 1, AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.RetryLimit, Iova + (9 * Page));
        fault.ToString().ShouldContain("translator retried without progress");

        _map.Missed = (_, _) => throw new InvalidDataException("broken");
        Memory.TryRead(Iova + (9 * Page), out ulong _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, Iova + (9 * Page));
        (fault.Cause, fault.Exception!.Message).ShouldBe((FaultCause.Exception, "broken"));
    }

    [Fact]
    public void Exceptions_of_a_translator_are_faults()
    {
        using var translated = new TranslatedMemory(_ram, new ThrowingTranslator());
        translated.Memory.TryRead(1, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, 1);
        fault.Exception.ShouldBeOfType<InvalidDataException>();
        translated.Memory.TryPin(1, 1, AccessType.Write, out _, out fault).ShouldBeFalse();
        fault.Exception.ShouldBeOfType<InvalidDataException>();
        Should.Throw<GuestMemoryException>(() => translated.Memory.Write(1, 1)).InnerException.ShouldBeOfType<InvalidDataException>();
    }

    [SkippableFact]
    public void Pages_that_were_found_are_remembered_and_forgotten()
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        _map.Map(Iova / Page, 2).Map((Iova / Page) + 1, 3);
        Memory.Write(Iova, 1UL);
        int lookUps = _map.LookUps;
        for (ulong i = 0; i < 100; i++)
        {
            Memory.Write(Iova + (8 * i), i);
            Memory.Read<ulong>(Iova + (8 * i)).ShouldBe(i);
            Memory.CompareExchange(Iova + (8 * i), 0UL, i).ShouldBe(i);
            Memory.Write(Iova + 1, new byte[100]);
            Memory.Read(Iova + 1, 100);
        }

        _map.LookUps.ShouldBe(lookUps);

        // Said to be elsewhere, and not yet invalidated: used as it was.
        _map.Map(Iova / Page, 4);
        Memory.Write(Iova + 8, 77UL);
        _ram.Read<ulong>((2 * Page) + 8).ShouldBe(77UL);
        _translated.Invalidate(Iova + 4095, 1);
        Memory.Write(Iova + 8, 78UL);
        (_ram.Read<ulong>((2 * Page) + 8), _ram.Read<ulong>((4 * Page) + 8)).ShouldBe((77UL, 78UL));

        // Ranges of many pages, and all.
        _map.Map(Iova / Page, 5);
        _translated.Invalidate(new GuestRange(Iova - (1UL << 30), 1UL << 31));
        Memory.Write(Iova + 8, 79UL);
        _ram.Read<ulong>((5 * Page) + 8).ShouldBe(79UL);
        _map.Unmap(Iova / Page);
        _translated.Invalidate(Iova - Page, Page);
        _translated.Invalidate(Iova + Page, ulong.MaxValue);
        _translated.Invalidate(Iova, 0);
        Memory.Read<ulong>(Iova + 8).ShouldBe(79UL);
        _translated.InvalidateAll();
        Memory.TryRead<ulong>(Iova + 8, out _).ShouldBeFalse();
    }

    [SkippableFact]
    public void No_more_pages_are_remembered_than_the_table_has_and_none_for_another()
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        using GuestMemory ram = GuestMemory.Allocate(2048 * Page);
        var map = new PageMap();
        using var translated = new TranslatedMemory(ram, map);
        for (ulong page = 0; page < 2048; page++)
        {
            map.Map(0x1_0000 + page, 2047 - page);
            translated.Memory.Write((0x1_0000 + page) * Page, page);
        }

        for (ulong page = 0; page < 2048; page++)
        {
            translated.Memory.Read<ulong>((0x1_0000 + page) * Page).ShouldBe(page);
            ram.Read<ulong>((2047 - page) * Page).ShouldBe(page);
        }

        int lookUps = map.LookUps;
        for (ulong page = 2048 - 512; page < 2048; page++)
        {
            translated.Memory.Read<ulong>((0x1_0000 + page) * Page).ShouldBe(page);
        }

        map.LookUps.ShouldBe(lookUps);
    }

    [Fact]
    public void Slices_views_and_strings_go_through_the_same_translations()
    {
        ulong page = Iova / Page;
        _map.Map(page, 7).Map(page + 1, 1);
        GuestMemory slice = Memory.Slice(Iova + Page - 16, 32);
        for (int i = 0; i < 2; i++)
        {
            slice.Write(8, 5UL);
            slice.Write(16, 6UL);
        }

        (_ram.Read<ulong>((8 * Page) - 8), _ram.Read<ulong>(Page)).ShouldBe((5UL, 6UL));
        GuestMemory aligned = Memory.Slice(Iova, 2 * Page);
        for (int i = 0; i < 3; i++)
        {
            aligned.Read<ulong>(Page).ShouldBe(6UL);
            aligned.Write(Page + 24, 9UL);
        }

        _ram.Read<ulong>(Page + 24).ShouldBe(9UL);
        slice.TryRead(30, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 32);
        Memory.View(Iova + Page, 8).Read<ulong>(0).ShouldBe(6UL);
        Memory.Write(Iova + Page - 3, "length"u8);
        Memory.Write<byte>(Iova + Page + 3, 0);
        Memory.ReadString(Iova + Page - 3, 100).ShouldBe("length");
        Memory.IndexOf(Iova, 2 * Page, "gth"u8).ShouldBe(new GuestAddress(Iova + Page));
        _map.Unmap(page + 1);
        _translated.InvalidateAll();
        slice.TryRead(8, new byte[16], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, 16);
        slice.TryPin(8, 16, AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, 16);
    }

    [Fact]
    public void Copies_go_from_and_to_any_memory()
    {
        ulong page = Iova / Page;
        _map.Map(page, 7).Map(page + 1, 1).Map(page + 2, 4);
        byte[] bytes = MemoryAssert.Pattern(5000);
        using GuestMemory other = GuestMemory.Allocate(2 * Page);
        other.Write(3, bytes);
        other.CopyTo(3, Memory, Iova + 1000, 5000);
        Memory.Read(Iova + 1000, 5000).ShouldBe(bytes);
        Memory.CopyTo(Iova + 1000, Memory, Iova + 1010, 5000);
        Memory.Read(Iova + 1010, 5000).ShouldBe(bytes);
        Memory.CopyTo(Iova + 1010, Memory, Iova + 1000, 5000);
        Memory.Read(Iova + 1000, 5000).ShouldBe(bytes);
        other.Clear(0, 2 * Page);
        Memory.CopyTo(Iova + 1000, other, 0, 5000);
        other.Read(0, 5000).ShouldBe(bytes);
    }

    [Fact]
    public void One_memory_behind_translations_may_lie_below_another()
    {
        var outer = new PageMap().Map(0, Iova / Page);
        _map.Map(Iova / Page, 6);
        using var nested = new TranslatedMemory(Memory, outer);
        for (int i = 0; i < 3; i++)
        {
            nested.Memory.Write(16, 123UL + (ulong)i);
            _ram.Read<ulong>((6 * Page) + 16).ShouldBe(123UL + (ulong)i);
        }

        using PinnedMemory pinned = nested.Memory.Pin(0, Page, AccessType.Write);
        pinned.Count.ShouldBe(1);
        _map.Unmap(Iova / Page);
        using var once = new CancellationTokenSource(20);
        Should.Throw<OperationCanceledException>(() => _translated.InvalidateAll(once.Token));
        nested.Memory.TryRead(16, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, 16);
        fault.TargetAddress.ShouldBe(new GuestAddress(Iova + 16));
    }

    [Theory]
    [InlineData("view")]
    [InlineData("target")]
    [InlineData("backing")]
    [InlineData("slice")]
    public void It_is_closed_with_the_memory_below(string what)
    {
        var backing = new HeapBacking(4 * Page);
        var below = new GuestMemory(backing, "below");
        GuestMemory target = what == "slice" ? below.Slice(0, 2 * Page) : below;
        var translated = new TranslatedMemory(target, _map);
        _map.Map(0, 1);
        GuestMemory slice = translated.Memory.Slice(0, Page);
        translated.Memory.Write(0, 1UL);
        slice.Read<ulong>(0).ShouldBe(1UL);
        ((IDisposable)(what switch { "view" => translated, "backing" => backing, _ => target })).Dispose();
        foreach (GuestMemory memory in new[] { translated.Memory, slice })
        {
            memory.TryRead(0, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
            memory.TryWrite(0, new byte[100], out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
            memory.TryCompareExchange(8, 1, 1, out _, out _, out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 8);
            memory.TryPin(0, 10, AccessType.Read, out _, out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
        }

        translated.InvalidateAll();
        Should.NotThrow(translated.Dispose);
        below.IsDisposed.ShouldBe(what == "target");
        below.Dispose();
        Should.Throw<ObjectDisposedException>(() => new TranslatedMemory(below, _map));
    }

    [Fact]
    public void It_is_tracked_where_its_writes_arrive()
    {
        Should.Throw<NotSupportedException>(() => new DirtyLog(Memory));
        Should.Throw<NotSupportedException>(() => new DirtyLog(Memory.Slice(0, Page)));
        Should.Throw<NotSupportedException>(() => Memory.ObserveWrites(new Observer()));
    }

    [Fact]
    public unsafe void What_is_asked_of_it_is_answered()
    {
        Memory.Length.ShouldBe(0UL);
        Memory.Last.ShouldBe(new GuestAddress(ulong.MaxValue));
        Memory.End.ShouldBe(0UL);
        Memory.Contains(Iova, 1UL << 40).ShouldBeTrue();
        Memory.IsPinnable.ShouldBeTrue();
        Memory.GetIova(Iova).ShouldBeNull();
        Memory.TryGetMapping(Iova, out _, out _).ShouldBeFalse();
        Memory.GetShareableRegions().ShouldBeEmpty();
        _translated.Target.ShouldBeSameAs(_ram);
        _translated.Translator.ShouldBeSameAs(_map);
        new AddressTranslation(0x1000, 0x7f000, 0x2000, Protection.ReadWrite).ToString().ShouldBe("0x1000-0x3000 at 0x7f000, rw-");
    }

    private sealed class ThrowingTranslator : IAddressTranslator
    {
        public bool TryTranslate(ulong address, out AddressTranslation translation) => throw new InvalidDataException("broken");
    }

    private sealed class Observer : IWriteObserver
    {
        public void OnWritten(GuestAddress address, ulong length)
        {
        }
    }
}
