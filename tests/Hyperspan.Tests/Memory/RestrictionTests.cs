using Hyperspan.Synchronization;

namespace Hyperspan.Tests;

/// <summary>Access bitmaps: what a clear bit does to each operation, what a protector can answer, and what can be relied on after synchronizing.</summary>
public class RestrictionTests
{
    private const ulong Page = 4096;

    /// <summary>Waiting for what it began would never end, whichever thread waits.</summary>
    [Fact]
    public void Synchronizing_inside_a_section_is_refused_in_every_form()
    {
        using var backing = new HeapBacking(Page) { AccessBitmaps = new AccessBitmaps(Page) };
        using (RcuDomain.GuestMemory.Enter())
        {
            Thrown(() => GuestMemory.SynchronizeRestrictions()).ShouldBeOfType<InvalidOperationException>();
            Thrown(() => _ = GuestMemory.SynchronizeRestrictionsAsync()).ShouldBeOfType<InvalidOperationException>();
            Thrown(() => backing.AccessBitmaps.Protect(0, Page, Protection.Read)).ShouldBeOfType<InvalidOperationException>();
            Thrown(() => _ = backing.AccessBitmaps.ProtectAsync(0, Page, Protection.None)).ShouldBeOfType<InvalidOperationException>();
            Thrown(() => _ = RcuDomain.GuestMemory.SynchronizeAsync()).ShouldBeOfType<InvalidOperationException>();
        }

        static Exception? Thrown(Action action)
        {
            try
            {
                action();
                return null;
            }
            catch (InvalidOperationException e)
            {
                return e;
            }
        }
    }

    [Fact]
    public void A_clear_bit_refuses_every_operation()
    {
        using Protector protector = new(4, 0b1101);
        using GuestMemory memory = new(protector, "vtl");
        using GuestMemory other = GuestMemory.Allocate(4 * Page);
        ulong at = Page + 8;
        Refused(memory.TryRead(at, out ulong _, out GuestMemoryFault fault), fault, at);
        Refused(memory.TryWrite(at, 1UL, out fault), fault, at);
        Refused(memory.TryWrite(Page - 8, new byte[16], out fault), fault, Page);
        Refused(memory.TryFill(at, 1, 8, out fault), fault, at);
        Refused(memory.TryCompareExchange(at, 1UL, 0UL, out _, out _, out fault), fault, at);
        Refused(memory.TryCopyTo(0, other, 0, 2 * Page, out fault), fault, Page);
        Refused(other.TryCopyTo(0, memory, 0, 2 * Page, out fault), fault, Page);
        Refused(memory.TryProbeReadable(at, out fault), fault, at);
        Refused(memory.TryProbeWritable(at, out fault), fault, at);
        Refused(memory.TryProbePages([0, 1], AccessType.Read, out fault), fault, Page);
        Refused(memory.TryPinPages([0, 1], AccessType.Read, out _, out fault), fault, Page);
        memory.TryProbeReadable(2 * Page, out _).ShouldBeTrue();
        memory.TryProbeWritable(2 * Page, out _).ShouldBeTrue();
        memory.TryProbePages([0, 2, 3], AccessType.Write, out _).ShouldBeTrue();
        protector.Faults.ShouldAllBe(f => f.BitmapFailure && f.Cause == FaultCause.AccessBitmap);

        static void Refused(bool done, GuestMemoryFault fault, ulong at)
        {
            done.ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, at);
        }
    }

    [Fact]
    public void A_protector_may_permit_or_take_over()
    {
        using Protector protector = new(4, 0b1101) { Answer = (p, _) => { p.Set(1, true); return PageFaultAction.Retry; } };
        using GuestMemory memory = new(protector, "vtl");
        memory.Write(Page, 7UL);
        memory.Read<ulong>(Page).ShouldBe(7UL);
        protector.Faults.Count.ShouldBe(1);

        protector.Set(1, false);
        protector.Answer = (_, _) => PageFaultAction.Fallback;
        memory.TryRead(Page, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, Page);
    }

    [Fact]
    public void The_handler_runs_outside_of_any_section()
    {
        bool inside = true;
        using Protector protector = new(4, 0b1110);
        protector.Answer = (p, _) =>
        {
            inside = RcuDomain.GuestMemory.IsInSection;
            GuestMemory.SynchronizeRestrictions();
            p.Set(0, true);
            return PageFaultAction.Retry;
        };
        using GuestMemory memory = new(protector, "vtl");
        memory.Write(0, new byte[64]);
        inside.ShouldBeFalse();
    }

    [Fact]
    public void Nothing_under_the_old_bits_takes_effect_after_synchronizing()
    {
        // Writers store to page 1 all the time, by values, by bytes and by exchanges. Once the bit is clear and that is synchronized, the page belongs to us.
        using Protector protector = new(4, 0b1111);
        using GuestMemory memory = new(protector, "vtl");
        using var stop = new CancellationTokenSource();
        int refused = 0;
        Thread[] writers = [.. Enumerable.Range(0, 5).Select(kind => new Thread(() =>
        {
            var bytes = new byte[300];
            ulong seen = 0;
            while (!stop.IsCancellationRequested)
            {
                bool done = kind switch
                {
                    0 => memory.TryWrite(Page + 64, 0xdeadUL),
                    1 => memory.TryWrite(Page + 128, bytes),
                    3 => memory.TryWrite(Page + 1024, bytes.AsSpan(0, 64)),
                    2 => memory.TryCompareExchange(Page + 64, 0xbeefUL, 0xdeadUL, out _, out _, out _),

                    // The comparand is what was there a moment ago: every other time, it is exchanged.
                    _ => memory.TryCompareExchange(Page + 512, ~seen, seen, out _, out seen, out _),
                };
                if (!done)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }))];
        Array.ForEach(writers, w => w.Start());
        try
        {
            for (int round = 0; round < 2000 || Volatile.Read(ref refused) == 0; round++)
            {
                protector.Set(1, false);
                Span<byte> page = protector.PageBytes(1);
                page.Fill((byte)round);
                Thread.SpinWait(50);
                page.ContainsAnyExcept((byte)round).ShouldBeFalse();
                protector.Set(1, true);
            }
        }
        finally
        {
            stop.Cancel();
            Array.ForEach(writers, w => w.Join());
        }
    }

    /// <summary>The memory is the bitmap that says which of its pages may be written: a write of zeros takes that away in the midst of it.</summary>
    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL << 32)]
    public void A_short_write_whose_bit_goes_in_the_midst_of_it_is_done_up_to_the_fault(ulong start)
    {
        using var bits = new HeapBacking(Page);
        for (int length = 1; length <= 64; length++)
        {
            using var backing = new OwnBitmap(bits);
            using GuestMemory memory = new GuestMemoryBuilder("restricted").AddRegion(start, backing).AddRegion(start + (1UL << 40), new HeapBacking(Page)).Build();
            Span<byte> page = backing.Bytes;
            page.Fill(0xff);
            bool done = memory.TryWrite(start, new byte[length], out GuestMemoryFault fault);
            int end = done ? length : (int)(fault.Address!.Value.Value - start);
            end.ShouldBeInRange(1, length);
            page[..end].ContainsAnyExcept((byte)0).ShouldBeFalse();
            page[end..].ContainsAnyExcept((byte)0xff).ShouldBeFalse();
            if (!done)
            {
                fault.Kind.ShouldBe(GuestMemoryFaultKind.Restricted);
                fault.Length.ShouldBe((ulong)length);
            }
        }
    }

    private sealed unsafe class OwnBitmap : GuestMemoryBacking
    {
        private readonly HeapBacking _heap;

        internal OwnBitmap(HeapBacking heap)
        {
            _heap = heap;
            AccessBitmaps = new AccessBitmaps(heap.Mapping, heap.Mapping, Page);
        }

        public override ulong Length => Page;

        public override byte* Mapping => _heap.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        internal Span<byte> Bytes => new(_heap.Mapping, (int)Page);
    }

    private sealed unsafe class Protector : GuestMemoryBacking
    {
        private readonly HeapBacking _heap;

        internal Protector(ulong pages, byte bits)
        {
            _heap = new HeapBacking(pages * Page);
            AccessBitmaps = new AccessBitmaps(pages * Page);
            for (int page = 0; page < (int)pages; page++)
            {
                Set(page, (bits & (1 << page)) != 0);
            }
        }

        internal List<PageFault> Faults { get; } = [];

        internal Func<Protector, PageFault, PageFaultAction> Answer { get; set; } = (_, _) => PageFaultAction.Fail(GuestMemoryFaultKind.VtlProtected);

        public override ulong Length => _heap.Length;

        public override byte* Mapping => _heap.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.Never;

        internal void Set(int page, bool permitted) =>
            AccessBitmaps!.Protect((ulong)page * Page, Page, permitted ? Protection.ReadWrite : Protection.None);

        internal Span<byte> PageBytes(int page) => new(_heap.Mapping + (page * (int)Page), (int)Page);

        protected internal override PageFaultAction OnPageFault(in PageFault fault)
        {
            lock (Faults)
            {
                if (Faults.Count < 100)
                {
                    Faults.Add(fault);
                }
            }

            return Answer(this, fault);
        }

        protected override void Release() => _heap.Dispose();
    }
}
