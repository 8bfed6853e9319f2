using Hyperspan.Streaming;
using Hyperspan.Synchronization;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

/// <summary>What may be relied on when a translation has been taken away.</summary>
public sealed class TranslatedInvalidationTests
{
    private const ulong Page = PageMap.Page;
    private const ulong Iova = 0x7000_0000;
    private const ulong Poison = 0xdead_dead_dead_dead;

    public static TheoryData<string> Ways => ["values", "bytes", "pages", "exchanges", "fills", "pins", "across"];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Nothing_uses_a_translation_that_was_taken_away(string way)
    {
        // The address leads to one of two places. Whichever it does not lead to is ours alone: what we write there is not seen through the address, and stays.
        foreach (bool guarded in new[] { false, true })
        {
            using GuestMemory ram = guarded ? new GuestMemory(Committed(), "ram") : GuestMemory.Allocate(8 * Page);
            var map = new PageMap().Map(Iova / Page, 0, 2);
            using var translated = new TranslatedMemory(ram, map);
            using var stop = new CancellationTokenSource();
            long rounds = 0;
            bool wrong = false;
            Thread[] users = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
            {
                while (!stop.IsCancellationRequested)
                {
                    wrong |= Use(translated.Memory, way);
                    Interlocked.Increment(ref rounds);
                }
            }))];
            Array.ForEach(users, user => user.Start());
            try
            {
                for (ulong round = 0; round < 60 || Volatile.Read(ref rounds) < 500; round++)
                {
                    ulong left = round % 2 * 4;
                    ulong next = 4 - left;
                    ram.Clear(next * Page, 2 * Page);
                    map.Map(Iova / Page, next, 2);
                    translated.Invalidate(Iova, 2 * Page);
                    for (ulong at = left * Page; at < (left + 2) * Page; at += 8)
                    {
                        ram.Write(at, Poison);
                    }

                    Thread.SpinWait(100);
                    for (ulong at = left * Page; at < (left + 2) * Page; at += 8)
                    {
                        ram.Read<ulong>(at).ShouldBe(Poison);
                    }
                }
            }
            finally
            {
                stop.Cancel();
                Array.ForEach(users, user => user.Join());
            }

            wrong.ShouldBeFalse();
        }
    }

    [Fact]
    public void A_pin_holds_its_translation_until_it_is_released()
    {
        using GuestMemory ram = GuestMemory.Allocate(8 * Page);
        var map = new PageMap().Map(Iova / Page, 1, 3);
        using var translated = new TranslatedMemory(ram, map);
        using var vectors = new GuestIoVectors(AccessType.Write);
        PinnedMemory pinned = translated.Memory.Pin(Iova + 100, Page, AccessType.Read);
        vectors.Add(translated.Memory, Iova + (2 * Page), 8);

        (translated.IsPinned(Iova + Page + 99, 1), translated.IsPinned(Iova + (2 * Page), ulong.MaxValue), translated.IsPinned(0, 0)).ShouldBe((true, true, false));
        (translated.IsPinned(Iova - Page, Page), translated.IsPinned(Iova + (3 * Page), ulong.MaxValue)).ShouldBe((false, false));

        // Not what is beside it.
        translated.Invalidate(Iova - Page, Page);
        translated.Invalidate(Iova + (3 * Page), ulong.MaxValue);
        WaitsFor(Iova + Page + 99, 1, pinned);
        WaitsFor(Iova + (2 * Page) + 100, 1, vectors);
        translated.InvalidateAll();

        void WaitsFor(ulong at, ulong length, IDisposable held)
        {
            using var soon = new CancellationTokenSource(30);
            Should.Throw<OperationCanceledException>(() => translated.Invalidate(at, length, soon.Token));
            Thread waiting = Run(() => translated.Invalidate(at, length));
            waiting.Join(30).ShouldBeFalse();
            held.Dispose();
            waiting.Join(TimeSpan.FromMinutes(1)).ShouldBeTrue();
        }
    }

    [Fact]
    public void Pins_of_page_lists_hold_theirs_and_failed_ones_hold_nothing()
    {
        using GuestMemory ram = GuestMemory.Allocate(8 * Page);
        var map = new PageMap().Map(10, 5).Map(12, 1);
        using var translated = new TranslatedMemory(ram, map);
        translated.Memory.TryPinPages([10, 12, 11], AccessType.Read, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotTranslated, 11 * Page);
        translated.Memory.TryPin(10 * Page, 3 * Page, AccessType.Read, out _, out fault).ShouldBeFalse();
        translated.InvalidateAll();
        using (PinnedMemory pinned = translated.Memory.PinPages([10, 12], AccessType.Write))
        {
            pinned.Count.ShouldBe(2);
            using var soon = new CancellationTokenSource(20);
            Should.Throw<OperationCanceledException>(() => translated.Invalidate(12 * Page, 1, soon.Token));
            translated.Invalidate(11 * Page, Page);
        }

        translated.InvalidateAll();
        using (PinnedMemory ranges = translated.Memory.Pin(new PagedRange([12, 10], 8, 5000), AccessType.Read))
        {
            using var soon = new CancellationTokenSource(20);
            Should.Throw<OperationCanceledException>(() => translated.Invalidate(10 * Page, 1, soon.Token));
        }

        translated.InvalidateAll();
    }

    [Fact]
    public void A_miss_holds_nothing()
    {
        // Whoever waits for the second page does not keep the first from being taken away: the answer may come behind that in one queue.
        using GuestMemory ram = GuestMemory.Allocate(8 * Page);
        var map = new PageMap().Map(10, 1);
        using var translated = new TranslatedMemory(ram, map);
        map.Missed = (address, _) =>
        {
            translated.Invalidate(10 * Page, Page);
            map.Map(address / Page, 3);
            return true;
        };
        translated.Memory.Write(10 * Page, new byte[(int)(2 * Page)]);
        map.Unmap(11);
        translated.InvalidateAll();
        translated.Memory.Pin(10 * Page, 2 * Page, AccessType.Write).Dispose();
        map.Misses.ShouldBe(2);
    }

    [Fact]
    public void Whoever_would_wait_for_itself_is_told()
    {
        TranslatedMemory? translated = null;
        var backing = new HandledBacking(() => translated!.InvalidateAll());
        using var ram = new GuestMemory(backing, "ram");
        using var made = new TranslatedMemory(ram, new PageMap().Map(0, 0));
        translated = made;
        made.Memory.TryRead(0, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Exception.ShouldBeOfType<InvalidOperationException>();
        fault.TargetAddress.ShouldBe(new GuestAddress(0));
        made.InvalidateAll();
        using (RcuDomain.GuestMemory.Enter())
        {
            Should.Throw<InvalidOperationException>(() => made.InvalidateAll());
        }
    }

    [Fact]
    public void Whoever_would_wait_for_itself_by_way_of_another_translation_is_told()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        var outerMap = new PageMap().Map(0, 0);
        var innerMap = new PageMap();
        using var inner = new TranslatedMemory(ram, innerMap);
        using var outer = new TranslatedMemory(inner.Memory, outerMap);

        // The inner one's accesses are part of the outer one's.
        Exception? met = null;
        innerMap.Missed = (address, _) =>
        {
            using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            met = Record.Exception(() => outer.InvalidateAll(soon.Token));
            inner.InvalidateAll();
            innerMap.Map(address / Page, 0);
            return true;
        };
        Should.NotThrow(() => outer.Memory.Read<ulong>(8));
        met.ShouldBeOfType<InvalidOperationException>();
        outer.InvalidateAll();
        inner.InvalidateAll();
    }

    [Fact]
    public void An_access_under_way_is_waited_for_and_one_that_begins_later_is_not()
    {
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var backing = new HandledBacking(() =>
        {
            entered.Set();
            go.Wait();
        });
        using var ram = new GuestMemoryBuilder("ram").AddRegion(0, backing).AddRegion(Page, new HeapBacking(Page)).Build();
        using var translated = new TranslatedMemory(ram, new PageMap().Map(0, 0).Map(1, 1));
        Thread reading = Run(() => translated.Memory.TryRead(0, out ulong _));
        entered.Wait();
        Thread waiting = Run(() => translated.Invalidate(0, Page));
        waiting.Join(30).ShouldBeFalse();
        translated.Memory.Write(Page, new byte[100]);
        using (var soon = new CancellationTokenSource(20))
        {
            Should.Throw<OperationCanceledException>(() => translated.InvalidateAll(soon.Token));
        }

        go.Set();
        reading.Join();
        waiting.Join();
        translated.InvalidateAll();
    }

    /// <summary>Uses the address in a way, and answers whether anything of the place that it does not lead to was seen.</summary>
    private static unsafe bool Use(GuestMemory memory, string way)
    {
        Span<byte> bytes = stackalloc byte[64];
        switch (way)
        {
            case "values":
                memory.Write(Iova + 64, 1UL);
                memory.Write(Iova + 72, (byte)1);
                return memory.Read<ulong>(Iova + 64) == Poison;
            case "bytes":
                bytes.Fill(1);
                memory.Write(Iova + 100, bytes);
                memory.Read(Iova + 100, bytes);
                return bytes.IndexOf((byte)0xad) >= 0;
            case "pages":
                byte[] large = new byte[8000];
                memory.Write(Iova + 16, large);
                memory.Read(Iova + 16, large);
                return large.AsSpan().IndexOf((byte)0xad) >= 0;
            case "exchanges":
                memory.TryCompareExchange(Iova + 128, 1UL, 0UL, out _, out ulong seen, out _);
                memory.Or(Iova + 136, 1u);
                return seen == Poison;
            case "fills":
                memory.Fill(Iova + 300, 1, Page);
                return false;
            case "across":
                memory.Write(Iova + Page - 4, 1UL);
                return memory.Read<ulong>(Iova + Page - 4) == Poison;
            default:
                using (PinnedMemory pinned = memory.Pin(Iova, 2 * Page, AccessType.Write))
                {
                    bool poisoned = false;
                    foreach (IoVector vector in pinned.Vectors)
                    {
                        // SAFETY: pinned.
                        poisoned |= Volatile.Read(ref *(ulong*)vector.Address) == Poison;
                        Volatile.Write(ref *(ulong*)vector.Address, 1);
                    }

                    return poisoned;
                }
        }
    }

    private static Thread Run(Action action)
    {
        var thread = new Thread(() => action());
        thread.Start();
        return thread;
    }

    private static SparseBacking Committed()
    {
        var mapping = new SparseBacking(8 * Page);
        mapping.Commit(0, 8 * Page);
        return mapping;
    }

    /// <summary>One page that is not there; what is done about that fails.</summary>
    private sealed unsafe class HandledBacking(Action handler) : GuestMemoryBacking
    {
        private readonly SparseBacking _nothing = new(Page);

        public override ulong Length => Page;

        public override byte* Mapping => _nothing.Mapping;

        protected internal override PageFaultAction OnPageFault(in PageFault fault)
        {
            handler();
            return PageFaultAction.Fail(GuestMemoryFaultKind.Unmapped);
        }

        protected override void Release() => _nothing.Dispose();
    }
}
