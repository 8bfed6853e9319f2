using Hyperspan.Synchronization;

namespace Hyperspan.Tests;

/// <summary>What may be done with pages, by page: which bits a change touches, what it refuses, and how long the bits are there.</summary>
public class AccessBitmapsTests
{
    private const ulong Page = 4096;

    public static TheoryData<ulong, ulong, ulong> Ranges => new()
    {
        { 0, 1, 0 }, { 63, 1, 0 }, { 63, 2, 0 }, { 1, 126, 0 }, { 0, 200, 0 }, { 199, 1, 0 }, { 64, 64, 0 }, { 200, 0, 0 },
        { 0, 1, 5 }, { 58, 1, 5 }, { 58, 2, 5 }, { 59, 64, 5 }, { 0, 200, 61 }, { 3, 128, 77 }, { 199, 1, 8 },
    };

    [Fact]
    public void At_first_everything_is_permitted()
    {
        foreach (ulong length in (ulong[])[0, 1, Page, (64 * Page) - 1, 64 * Page, (64 * Page) + 1, 1000 * Page])
        {
            var bitmaps = new AccessBitmaps(length);
            bitmaps.PageCount.ShouldBe((length + Page - 1) / Page);
            for (ulong page = 0; page < bitmaps.PageCount; page++)
            {
                bitmaps.GetProtection(page * Page).ShouldBe(Protection.ReadWrite);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ranges))]
    public unsafe void A_change_is_of_its_pages_alone(ulong first, ulong count, ulong bitOffset)
    {
        // Bytes around the bits, of any value, and an address that is no multiple of eight.
        byte[] bits = GC.AllocateArray<byte>(128, pinned: true);
        new Random(1).NextBytes(bits);
        byte[] before = [.. bits];
        fixed (byte* at = bits)
        {
            var bitmaps = new AccessBitmaps(at + 3, at + 67, 200 * Page, bitOffset);
            foreach (Protection protection in (Protection[])[Protection.None, Protection.Read, new(false, true, false), Protection.ReadWriteExecute])
            {
                bitmaps.Protect(first * Page, count * Page, protection);
                Set(before, (3 * 8) + bitOffset + first, count, protection.CanRead);
                Set(before, (67 * 8) + bitOffset + first, count, protection.CanWrite);
                bits.ShouldBe(before);
                for (ulong page = first; page < first + count; page++)
                {
                    bitmaps.GetProtection((page * Page) + 4095).ShouldBe(new Protection(protection.CanRead, protection.CanWrite, execute: false));
                }
            }
        }

        static void Set(byte[] bits, ulong first, ulong count, bool value)
        {
            for (ulong bit = first; bit < first + count; bit++)
            {
                bits[bit / 8] = (byte)(value ? bits[bit / 8] | (1 << (int)(bit % 8)) : bits[bit / 8] & ~(1 << (int)(bit % 8)));
            }
        }
    }

    [Fact]
    public void Reads_and_writes_are_permitted_each_for_itself()
    {
        var bitmaps = new AccessBitmaps(4 * Page);
        using var memory = new GuestMemory(new HeapBacking(4 * Page) { AccessBitmaps = bitmaps }, "ram");
        memory.Write(Page, 7UL);
        bitmaps.Protect(Page, Page, Protection.Read);
        bitmaps.Protect(2 * Page, Page, new Protection(read: false, write: true, execute: false));
        memory.Read<ulong>(Page).ShouldBe(7UL);
        memory.TryWrite(Page, 8UL, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, Page);
        memory.Write(2 * Page, 9UL);
        memory.TryRead(2 * Page, out ulong _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, 2 * Page);
        bitmaps.Protect(0, 4 * Page, Protection.ReadWrite);
        memory.Read<ulong>(2 * Page).ShouldBe(9UL);
    }

    [Fact]
    public void A_range_of_other_than_whole_pages_of_the_backing_is_refused_and_changes_nothing()
    {
        var bitmaps = new AccessBitmaps((4 * Page) - 1);
        foreach ((ulong offset, ulong length) in ((ulong, ulong)[])[(1, Page), (0, 1), (0, Page + 1), (Page, (2 * Page) + 8)])
        {
            Should.Throw<ArgumentException>(() => bitmaps.Protect(offset, length, Protection.None)).Message.ShouldContain("whole pages");
        }

        foreach ((ulong offset, ulong length) in ((ulong, ulong)[])
            [(0, 5 * Page), (5 * Page, 0), (4 * Page, Page), (Page, ulong.MaxValue), (Page, ~(Page - 1)), (~(Page - 1), Page)])
        {
            Should.Throw<ArgumentOutOfRangeException>(() => bitmaps.Protect(offset, length, Protection.None));
            Should.Throw<ArgumentOutOfRangeException>(() => { _ = bitmaps.ProtectAsync(offset, length, Protection.None); });
        }

        Should.Throw<ArgumentOutOfRangeException>(() => bitmaps.GetProtection(4 * Page));
        Should.Throw<ArgumentOutOfRangeException>(() => new AccessBitmaps(ulong.MaxValue));
        for (ulong page = 0; page < 4; page++)
        {
            bitmaps.GetProtection(page * Page).ShouldBe(Protection.ReadWrite);
        }

        // The last page is not whole, and is named as it is or whole.
        bitmaps.Protect(3 * Page, Page - 1, Protection.None);
        bitmaps.GetProtection(3 * Page).ShouldBe(Protection.None);
        bitmaps.Protect(3 * Page, Page, Protection.ReadWrite);
        bitmaps.GetProtection(3 * Page).ShouldBe(Protection.ReadWrite);
    }

    [Fact]
    public unsafe void Where_one_bitmap_stands_for_both_they_are_permitted_together()
    {
        byte bits = 0xff;
        var bitmaps = new AccessBitmaps(&bits, &bits, 8 * Page);
        Should.Throw<ArgumentException>(() => bitmaps.Protect(0, Page, Protection.Read)).ParamName.ShouldBe("protection");
        bitmaps.Protect(Page, 2 * Page, Protection.None);
        bits.ShouldBe((byte)0b1111_1001);
    }

    [Fact]
    public void Taking_away_waits_and_giving_does_not()
    {
        var bitmaps = new AccessBitmaps(Page);
        using (RcuDomain.GuestMemory.Enter())
        {
            // It would wait for this very section.
            Should.Throw<InvalidOperationException>(() => bitmaps.Protect(0, Page, Protection.Read));
            bitmaps.Protect(0, Page, Protection.ReadWrite);
            bitmaps.ProtectAsync(0, Page, Protection.ReadWrite).IsCompletedSuccessfully.ShouldBeTrue();
        }

        using var canceled = new CancellationTokenSource();
        canceled.Cancel();
        Should.Throw<OperationCanceledException>(() => bitmaps.Protect(0, Page, Protection.None, canceled.Token));
        bitmaps.GetProtection(0).ShouldBe(Protection.None);
    }

    [Fact]
    public void Threads_change_neighbouring_pages()
    {
        // Each has a page to itself, in a word that they share, and finds it as it left it. Without the wait, they meet more often.
        var now = new CancellationToken(canceled: true);
        var bitmaps = new AccessBitmaps(64 * Page);
        int lost = 0;
        using var start = new Barrier(2);
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(thread => new Thread(() =>
        {
            start.SignalAndWait();
            ulong at = (ulong)thread * Page;
            for (int i = 0; i < 200_000; i++)
            {
                Protection protection = i % 2 == 0 ? Protection.None : Protection.ReadWrite;
                _ = bitmaps.ProtectAsync(at, Page, protection, now);
                Thread.SpinWait(20);
                if (bitmaps.GetProtection(at) != protection)
                {
                    Interlocked.Increment(ref lost);
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        lost.ShouldBe(0);
    }

    [Fact]
    public void They_are_there_for_as_long_as_the_memory_is()
    {
        using GuestMemory memory = Make();
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            _ = GC.AllocateArray<ulong>(2048, pinned: true);
        }

        for (ulong page = 0; page < 64; page++)
        {
            memory.TryRead(page * Page, out byte _).ShouldBe(page % 2 == 0);
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static GuestMemory Make()
        {
            var bitmaps = new AccessBitmaps(64 * Page);
            for (ulong page = 1; page < 64; page += 2)
            {
                bitmaps.Protect(page * Page, Page, Protection.None);
            }

            return new GuestMemory(new HeapBacking(64 * Page) { AccessBitmaps = bitmaps }, "ram");
        }
    }
}
