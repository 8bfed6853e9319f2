using Hyperspan.Synchronization;

namespace Hyperspan.Tests;

/// <summary>What may be done with pages, by guest-physical address.</summary>
public sealed class ProtectionTests
{
    private const ulong Page = 4096;
    private const ulong Second = 0x10_0000;

    [Fact]
    public void A_range_over_several_regions_is_protected_in_the_bits_of_each()
    {
        var first = new AccessBitmaps(4 * Page);
        var second = new AccessBitmaps(8 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("two")
            .AddRegion(0, new HeapBacking(4 * Page) { AccessBitmaps = first })
            .AddRegion(4 * Page, new HeapBacking(8 * Page) { AccessBitmaps = second }, 2 * Page, 4 * Page)
            .Build();
        memory.Protect(3 * Page, 3 * Page, Protection.Read);
        for (ulong page = 0; page < 8; page++)
        {
            Protection expected = page is >= 3 and < 6 ? Protection.Read : Protection.ReadWrite;
            memory.GetProtection((page * Page) + 17).ShouldBe(expected);
            memory.TryWrite((page * Page) + 16, 1UL, out GuestMemoryFault fault).ShouldBe(expected.CanWrite);
            fault.Kind.ShouldBe(expected.CanWrite ? GuestMemoryFaultKind.None : GuestMemoryFaultKind.Restricted);
            memory.TryRead((page * Page) + 16, out ulong _).ShouldBeTrue();
        }

        first.GetProtection(3 * Page).ShouldBe(Protection.Read);
        second.GetProtection(2 * Page).ShouldBe(Protection.Read);
        second.GetProtection(3 * Page).ShouldBe(Protection.Read);
        second.GetProtection(Page).ShouldBe(Protection.ReadWrite);
        second.GetProtection(4 * Page).ShouldBe(Protection.ReadWrite);
        memory.Protect(new GuestRange(0, 8 * Page), Protection.None);
        memory.TryRead(0, out ulong _).ShouldBeFalse();
        memory.TryProtect(new GuestRange(Page, Page), new Protection(read: false, write: true, execute: false), out _).ShouldBeTrue();
        memory.Write(Page, 5UL);
        memory.TryRead(Page, out ulong _).ShouldBeFalse();
        memory.Protect(0, 0, Protection.None);
    }

    [Theory]
    [InlineData(0UL, 5 * Page, GuestMemoryFaultKind.OutOfRange, 4 * Page)]
    [InlineData(0UL, ulong.MaxValue - 4095, GuestMemoryFaultKind.OutOfRange, 4 * Page)]
    [InlineData(2 * Page, Second, GuestMemoryFaultKind.OutOfRange, 4 * Page)]
    [InlineData(Second, Page, GuestMemoryFaultKind.NotRestrictable, Second)]
    [InlineData(1UL, Page, GuestMemoryFaultKind.Misaligned, 1UL)]
    [InlineData(Page, 1UL, GuestMemoryFaultKind.Misaligned, Page)]
    public void What_cannot_be_protected_is_a_fault_and_changes_nothing(ulong address, ulong length, GuestMemoryFaultKind kind, ulong at)
    {
        var bitmaps = new AccessBitmaps(4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("mixed")
            .AddRegion(0, new HeapBacking(4 * Page) { AccessBitmaps = bitmaps })
            .AddRegion(Second, new HeapBacking(4 * Page))
            .Build();
        memory.TryProtect(address, length, Protection.None, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(kind);
        fault.Operation.ShouldBe(GuestMemoryOperation.Protect);
        fault.Address!.Value.Value.ShouldBe(at);
        fault.Length.ShouldBe(length);
        Should.Throw<GuestMemoryException>(() => memory.Protect(address, length, Protection.None)).Fault.Kind.ShouldBe(kind);
        for (ulong page = 0; page < 4; page++)
        {
            bitmaps.GetProtection(page * Page).ShouldBe(Protection.ReadWrite);
        }

        fault.ToString().ShouldContain("protect");
        fault.ToString().ShouldContain(kind switch
        {
            GuestMemoryFaultKind.NotRestrictable => "memory has no access bitmaps",
            GuestMemoryFaultKind.Misaligned => "not whole pages of 4 KiB",
            _ => "no memory at address",
        });
    }

    [Fact]
    public void A_last_page_that_is_not_whole_is_protected_as_one()
    {
        using GuestMemory memory = new(new HeapBacking(new byte[(2 * Page) + 100]) { AccessBitmaps = new AccessBitmaps((2 * Page) + 100) }, "odd");
        memory.Protect(Page, Page + 100, Protection.None);
        memory.TryRead((2 * Page) + 99, out byte _).ShouldBeFalse();
        memory.TryRead(Page - 1, out byte _).ShouldBeTrue();
        memory.TryProtect(2 * Page, 99, Protection.Read, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Misaligned);
    }

    [Fact]
    public void A_slice_protects_what_it_shows_and_a_region_permits_no_more_than_it_did()
    {
        using GuestMemory memory = new GuestMemoryBuilder("sliced")
            .AddRegion(0, new HeapBacking(4 * Page) { AccessBitmaps = new AccessBitmaps(4 * Page) }, Protection.ReadExecute)
            .Build();
        using GuestMemory slice = memory.Slice(Page, 2 * Page);
        memory.GetProtection(Page).ShouldBe(Protection.Read);
        slice.Protect(Page, Page, Protection.ReadWrite);
        slice.GetProtection(Page).ShouldBe(Protection.Read);
        slice.Protect(Page, Page, Protection.None);
        memory.GetProtection(2 * Page).CanRead.ShouldBeFalse();
        memory.GetProtection(Page).CanRead.ShouldBeTrue();

        // Pages are those of the backing.
        using GuestMemory shifted = memory.Slice(16, 2 * Page);
        shifted.TryProtect(0, Page, Protection.None, out GuestMemoryFault misaligned).ShouldBeFalse();
        misaligned.Kind.ShouldBe(GuestMemoryFaultKind.Misaligned);
        shifted.TryProtect(Page - 16, Page, Protection.Read, out _).ShouldBeTrue();
        memory.TryGetProtection(4 * Page, out Protection none, out GuestMemoryFault fault).ShouldBeFalse();
        none.ShouldBe(Protection.None);
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        Should.Throw<GuestMemoryException>(() => memory.GetProtection(4 * Page));
        memory.Dispose();
        memory.TryProtect(0, Page, Protection.None, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.TryGetProtection(0, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [Fact]
    public unsafe void One_bitmap_for_reads_and_writes_is_refused_what_it_cannot_say_before_anything_changes()
    {
        var first = new AccessBitmaps(Page);
        byte both = 0xff;
        using GuestMemory memory = new GuestMemoryBuilder("one bitmap")
            .AddRegion(0, new HeapBacking(Page) { AccessBitmaps = first })
            .AddRegion(Page, new HeapBacking(Page) { AccessBitmaps = new AccessBitmaps(&both, &both, Page) })
            .Build();
        Should.Throw<ArgumentException>(() => memory.Protect(0, 2 * Page, Protection.Read)).ParamName.ShouldBe("protection");
        first.GetProtection(0).ShouldBe(Protection.ReadWrite);
        memory.Protect(0, 2 * Page, Protection.None);
        both.ShouldBe((byte)0xfe);
        memory.TryRead(Page, out byte _).ShouldBeFalse();
    }

    /// <summary>Who is in a section would wait for itself; what permits more than before waits for nobody.</summary>
    [Fact]
    public void It_waits_for_sections_where_something_is_no_longer_permitted()
    {
        using GuestMemory memory = new(new HeapBacking(Page) { AccessBitmaps = new AccessBitmaps(Page) }, "waits");
        using (RcuDomain.GuestMemory.Enter())
        {
            memory.Protect(0, Page, Protection.ReadWrite);
            Should.Throw<InvalidOperationException>(() => memory.Protect(0, Page, Protection.Read));
        }

        memory.Protect(0, Page, Protection.Read);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_write_lands_after_it_has_returned(bool isGuarded)
    {
        var bitmaps = new AccessBitmaps(2 * Page);
        using GuestMemory memory = new(isGuarded ? Sparse(bitmaps) : new HeapBacking(2 * Page) { AccessBitmaps = bitmaps }, "raced");
        using var writer = new BackgroundWriter(memory);
        for (int round = 0; round < 200; round++)
        {
            memory.Protect(0, Page, Protection.ReadWrite);
            ulong before = memory.Read<ulong>(64);
            SpinWait.SpinUntil(() => memory.Read<ulong>(64) != before);
            memory.Protect(0, Page, Protection.Read);
            ulong after = memory.Read<ulong>(64);
            Thread.SpinWait(2000);
            memory.Read<ulong>(64).ShouldBe(after);
        }
    }

    private static SparseBacking Sparse(AccessBitmaps bitmaps)
    {
        var sparse = new SparseBacking(2 * Page) { AccessBitmaps = bitmaps };
        sparse.Commit(0, 2 * Page);
        return sparse;
    }

    private sealed class BackgroundWriter : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _isEnded;

        internal BackgroundWriter(GuestMemory memory)
        {
            _thread = new Thread(() =>
            {
                for (ulong value = 1; !_isEnded; value++)
                {
                    _ = memory.TryWrite(64, value);
                }
            });
            _thread.Start();
        }

        public void Dispose()
        {
            _isEnded = true;
            _thread.Join();
        }
    }
}
