using Hyperspan.Interop.Linux;
using Hyperspan.Tests.Tracking;

namespace Hyperspan.Tests.Backing;

/// <summary>Pages that are given back are gone for everybody, read as zeros, and are those that were named; pinned ones stay.</summary>
[Collection(nameof(LifetimeTests))]
public sealed unsafe class DiscardTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [LinuxFact]
    public void Pages_go_back_to_the_system_and_read_as_zeros()
    {
        using SharedBacking ram = NewRam(64);
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        using ForeignBacking peer = new(ram.Handle, 0, 64 * Page);
        using GuestMemory theirs = new(peer, name: null, leaveOpen: true);
        memory.Fill(0, 0x5a, 64 * Page);
        theirs.Read<byte>(20 * Page).ShouldBe((byte)0x5a);
        ram.Discard(16 * Page, 8 * Page);
        LibC.Lseek(ram.Handle, (long)(16 * Page), SeekFrom.Data).ShouldBe((long)(24 * Page), "the file has a hole there");
        LibC.Lseek(ram.Handle, 0, SeekFrom.Hole).ShouldBe((long)(16 * Page));
        SelfProbe.Resident(ram.Mapping + (16 * Page), 8 * Page).ShouldBe(0UL);
        byte[] bytes = new byte[64 * Page];
        foreach (GuestMemory seen in (GuestMemory[])[memory, theirs])
        {
            seen.Read(0, bytes);
            bytes.AsSpan(0, 16 * (int)Page).ContainsAnyExcept((byte)0x5a).ShouldBeFalse();
            bytes.AsSpan(16 * (int)Page, 8 * (int)Page).ContainsAnyExcept((byte)0).ShouldBeFalse();
            bytes.AsSpan(24 * (int)Page).ContainsAnyExcept((byte)0x5a).ShouldBeFalse();
        }

        // They are there again when they are touched.
        memory.Write(16 * Page, 7UL);
        theirs.Read<ulong>(16 * Page).ShouldBe(7UL);
        ram.Discard(0, 64 * Page);
        theirs.Read<ulong>(16 * Page).ShouldBe(0UL);
        ram.Discard(Page, 0);
    }

    [SkippableFact]
    public void Huge_pages_return_to_their_pool_as_wholes()
    {
        using HugePages pool = HugePages.Raise(4);
        using SharedBacking ram = new(8UL << 20, new() { HugePages = HugePageSize.Size2MiB, IsDiscardable = true, Prefault = true });
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        memory.Fill(0, 0x5a, 8UL << 20);
        ulong free = HugePages.Free;
        Should.Throw<ArgumentException>(() => ram.Discard(Page, 2UL << 20));
        Should.Throw<ArgumentException>(() => ram.Discard(0, (2UL << 20) + Page));
        HugePages.Free.ShouldBe(free);
        ram.Discard(2UL << 20, 4UL << 20);
        HugePages.Free.ShouldBe(free + 2);
        memory.Read<byte>((2UL << 20) - 1).ShouldBe((byte)0x5a);
        memory.Read<byte>(6UL << 20).ShouldBe((byte)0x5a);
        memory.Read<ulong>(4UL << 20).ShouldBe(0UL);
    }

    [LinuxFact]
    public void What_is_pinned_refuses_the_whole_range_and_goes_later()
    {
        using SharedBacking ram = NewRam(16);
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        memory.Fill(0, 0x5a, 16 * Page);
        using (memory.Pin((5 * Page) + 100, Page, AccessType.Write))
        {
            ram.TryDiscard(0, 16 * Page, out ulong pinned).ShouldBeFalse();
            pinned.ShouldBe(5 * Page);
            ram.TryDiscard(6 * Page, Page, out pinned).ShouldBeFalse();
            pinned.ShouldBe(6 * Page);
            Should.Throw<InvalidOperationException>(() => ram.Discard(4 * Page, 2 * Page)).Message
                .ShouldBe($"'ram': cannot discard 0x{4 * Page:x}-0x{6 * Page:x}: page {5 * SelfProbe.GuestPages} is pinned.");
            byte[] bytes = new byte[16 * Page];
            memory.Read(0, bytes);
            bytes.AsSpan().ContainsAnyExcept((byte)0x5a).ShouldBeFalse("nothing of it has gone");

            // On both sides of it.
            ram.TryDiscard(0, 5 * Page, out pinned).ShouldBeTrue();
            pinned.ShouldBe(0UL);
            ram.TryDiscard(7 * Page, 9 * Page, out _).ShouldBeTrue();
            memory.Read<byte>((6 * Page) + 99).ShouldBe((byte)0x5a);
        }

        ram.TryDiscard(0, 16 * Page, out _).ShouldBeTrue();
        memory.Read<ulong>(5 * Page).ShouldBe(0UL);
    }

    [LinuxFact]
    public void What_is_in_pinned_pages_stays_while_others_discard_without_end()
    {
        using SharedBacking ram = NewRam(8);
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        int discarded = 0;
        var discarding = new Thread(() =>
        {
            while (!end.IsCancellationRequested)
            {
                discarded += ram.TryDiscard(0, 8 * Page, out _) ? 1 : 0;
            }
        });
        discarding.Start();
        ulong round = 0;
        do
        {
            using (memory.Pin(2 * Page, Page, AccessType.Write))
            {
                memory.Write(2 * Page, ++round);
                Thread.SpinWait(500);
                memory.Read<ulong>(2 * Page).ShouldBe(round);
            }
        }
        while (!end.IsCancellationRequested || (round < 100 && discarded == 0));

        discarding.Join();
    }

    /// <summary>Also where they are no whole pages of the system.</summary>
    [LinuxFact]
    public void Pages_of_4_KiB_become_zeros_and_those_beside_them_stay()
    {
        const ulong Part = GuestAddress.PageSize;
        using SharedBacking ram = NewRam(4);
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        memory.Fill(0, 0x5a, 4 * Page);
        ram.Discard(Part, Part);
        ram.Discard(Page + Part, (2 * Page) - Part);
        byte[] expected = [.. Enumerable.Repeat((byte)0x5a, 4 * (int)Page)];
        expected.AsSpan((int)Part, (int)Part).Clear();
        expected.AsSpan((int)(Page + Part), (int)((2 * Page) - Part)).Clear();
        memory.Read(0, expected.Length).AsSpan().SequenceEqual(expected).ShouldBeTrue();
    }

    [LinuxFact]
    public void Whoever_keeps_track_of_writes_is_told()
    {
        using SharedBacking ram = NewRam(16);
        using GuestMemory memory = new(ram, name: null, leaveOpen: true);
        using var log = new DirtyLog(memory);
        log.Start();
        ram.Discard(3 * GuestAddress.PageSize, 2 * GuestAddress.PageSize);
        DirtyLogTests.Pages(log.Collect()).ShouldBe([3UL, 4UL]);
    }

    [LinuxFact]
    public void What_is_not_whole_pages_of_it_is_refused()
    {
        using SharedBacking ram = NewRam(16);
        ram.Mapping[0] = 1;
        Should.Throw<ArgumentException>(() => ram.Discard(1, Page));
        Should.Throw<ArgumentException>(() => ram.Discard(0, Page - 1));
        Should.Throw<ArgumentOutOfRangeException>(() => ram.Discard(0, 17 * Page));
        Should.Throw<ArgumentOutOfRangeException>(() => ram.Discard(16 * Page, Page));
        Should.Throw<ArgumentOutOfRangeException>(() => ram.Discard(ulong.MaxValue - Page + 1, Page));
        Should.Throw<ArgumentOutOfRangeException>(() => ram.Discard(Page, ulong.MaxValue - Page + 1));
        using SharedBacking kept = new(Page);
        Should.Throw<InvalidOperationException>(() => kept.TryDiscard(0, Page, out _)).Message.ShouldContain("discardable");
        ram.Mapping[0].ShouldBe((byte)1);
        ram.Dispose();
        Should.Throw<ObjectDisposedException>(() => ram.Discard(0, Page));
    }

    private static SharedBacking NewRam(ulong pages) => new(pages * Page, new() { Name = "ram", IsDiscardable = true });
}
