using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>Which pages the guest wrote to.</summary>
public sealed class DirtyLogTests
{
    private const ulong Elsewhere = 0x1000_0000;
    private const int Pages = 200;

    /// <summary>Writes to every third page of other memory, then stops; again and again.</summary>
    private static GuestProgram Writing(KvmPartitionOptions options) => new(
        a =>
        {
            Iced.Intel.Label start = a.CreateLabel();
            Iced.Intel.Label loop = a.CreateLabel();
            a.Label(ref start);
            a.mov(ebx, (uint)Elsewhere);
            a.mov(ecx, (Pages + 2) / 3);
            a.Label(ref loop);
            a.mov(__dword_ptr[rbx + 8], ecx);
            a.add(ebx, 0x3000);
            a.dec(ecx);
            a.jne(loop);
            a.mov(dx, 0x99);
            a.@out(dx, al);
            a.jmp(start);
        },
        options);

    [SkippableFact]
    public void The_bitmap_has_the_pages_that_were_written_and_clearing_notes_the_next_writes()
    {
        using GuestProgram guest = Writing(new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop });
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        MemorySlot slot = mapping.Slots.Single();
        ulong[] bitmap = new ulong[MemoryMapping.DirtyBitmapLength(slot)];
        Should.Throw<InvalidOperationException>(() => mapping.ReadDirty(slot, bitmap));
        mapping.StartDirtyLog();
        VirtualProcessor processor = guest.Processor();
        mapping.ReadDirty(slot, bitmap).ShouldBe(0);
        for (int round = 0; round < 3; round++)
        {
            processor.Run().Kind.ShouldBe(KvmExitKind.Port);
            mapping.ReadDirty(slot, bitmap).ShouldBe((Pages + 2) / 3);
            for (int page = 0; page < Pages; page++)
            {
                (bitmap[page / 64] >> (page % 64) & 1).ShouldBe(page % 3 == 0 ? 1UL : 0, $"page {page}");
            }

            mapping.ClearDirty(slot, bitmap);
            mapping.ReadDirty(slot, bitmap).ShouldBe(0);

            // A write of the host is not the guest's.
            memory.Write(0x1000, 1u);
            mapping.ReadDirty(slot, bitmap).ShouldBe(0);
        }

        mapping.StopDirtyLog();
        processor.Run().Kind.ShouldBe(KvmExitKind.Port);
        Should.Throw<InvalidOperationException>(() => mapping.ReadDirty(slot, bitmap));
        Should.Throw<ArgumentException>(() => mapping.ReadDirty(slot, new ulong[1]));
    }

    [SkippableFact]
    public void The_ring_has_the_pages_that_were_written()
    {
        Need.Kvm();
        using (var probe = new KvmPartition())
        {
            Skip.If(probe.Capabilities.DirtyRingEntries == 0, "this kernel's KVM has no dirty rings");
        }

        using GuestProgram guest = Writing(new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop, DirtyRingSize = 4096 });
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        mapping.StartDirtyLog();
        VirtualProcessor processor = guest.Processor();
        for (int round = 0; round < 3; round++)
        {
            processor.Run().Kind.ShouldBe(KvmExitKind.Port);
            var pages = new SortedSet<ulong>();
            guest.Partition.CollectDirty(page => pages.Add((page.Value - Elsewhere) / 0x1000));
            pages.ShouldBe(Enumerable.Range(0, (Pages + 2) / 3).Select(i => (ulong)i * 3));
        }
    }

    /// <summary>What the guest wrote to memory that is gone is in the ring under a number that is another's by now, which is shorter.</summary>
    [SkippableFact]
    public void The_ring_names_no_page_past_the_slot()
    {
        using GuestProgram guest = Writing(Options(4096));
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        mapping.StartDirtyLog();
        guest.Processor().Run().Kind.ShouldBe(KvmExitKind.Port);
        uint number = mapping.Slots.Single().Number;
        mapping.Unmap();
        using var shorter = new GuestMemory(new SharedBacking(0x4000), "shorter");
        MemorySlot slot = guest.Partition.Map(2 * Elsewhere, shorter, readOnly: false).Slots.Single();
        slot.Number.ShouldBe(number);
        guest.Partition.CollectDirty(page => slot.Range.Contains(page).ShouldBeTrue()).ShouldBe((Pages + 2) / 3);
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1024)]
    public void A_dirty_log_has_what_the_guest_and_what_the_host_wrote(int ring)
    {
        using GuestProgram guest = Writing(Options(ring));
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        VirtualProcessor processor = guest.Processor();
        using var log = new DirtyLog(memory);
        log.AddSource(guest.Partition);
        log.Start();
        using var other = new DirtyLog(memory);
        other.AddSource(guest.Partition);
        other.Start();
        ulong[] guests = [.. Enumerable.Range(0, (Pages + 2) / 3).Select(page => (ulong)page * 3)];
        for (int round = 0; round < 3; round++)
        {
            PagesOf(log).ShouldBeEmpty();
            processor.Run().Kind.ShouldBe(KvmExitKind.Port);
            memory.Write(0x1008, round);
            PagesOf(log).ShouldBe([0, 1, .. guests[1..]]);
        }

        // What one log has taken is not lost to the other.
        PagesOf(other).ShouldBe([0, 1, .. guests[1..]]);
        log.Stop();
        processor.Run().Kind.ShouldBe(KvmExitKind.Port);
        PagesOf(other).ShouldBe(guests);

        // What is shown while it is logged is logged, and what goes takes its log along.
        using var late = new GuestMemory(new SharedBacking(0x4000), "late");
        using var lateLog = new DirtyLog(late);
        lateLog.AddSource(guest.Partition);
        lateLog.Start();
        MemoryMapping shown = guest.Partition.Map(Elsewhere + 0x100_0000, late, readOnly: false);
        PagesOf(lateLog).ShouldBeEmpty();
        shown.MoveTo(Elsewhere + 0x200_0000);
        PagesOf(lateLog).ShouldBe([0, 1, 2, 3]);
        shown.Unmap();
        PagesOf(lateLog).ShouldBe([0, 1, 2, 3]);
        mapping.Unmap();
        PagesOf(other).Count.ShouldBe(Pages);
        guest.Partition.Dispose();
        PagesOf(other).ShouldBeEmpty();
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1024)]
    public void Copies_of_what_a_dirty_log_names_are_the_memory_that_guest_and_host_write_meanwhile(int ring)
    {
        // Counts in a word of each page, one page after the other, as fast as it can.
        using var guest = new GuestProgram(
            a =>
            {
                Iced.Intel.Label start = a.CreateLabel();
                Iced.Intel.Label loop = a.CreateLabel();
                a.Label(ref start);
                a.mov(ebx, (uint)Elsewhere);
                a.mov(ecx, Pages);
                a.Label(ref loop);
                a.inc(__dword_ptr[rbx + 8]);
                a.add(ebx, 0x1000);
                a.dec(ecx);
                a.jne(loop);
                a.mov(dx, 0x99);
                a.@out(dx, al);
                a.jmp(start);
            },
            Options(ring));
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        guest.Partition.Map(Elsewhere, memory, readOnly: false);
        VirtualProcessor processor = guest.Processor();
        using var log = new DirtyLog(memory);
        log.AddSource(guest.Partition);
        log.Start();
        byte[] copy = memory.ReadArray<byte>(0, Pages * 0x1000);
        bool stopped = false;
        int rounds = 0;
        Task[] writers =
        [
            Task.Factory.StartNew(
                () =>
                {
                    while (!Volatile.Read(ref stopped))
                    {
                        // A ring that is full goes on when it has been emptied.
                        if (processor.Run().Kind == KvmExitKind.Port)
                        {
                            Interlocked.Increment(ref rounds);
                        }
                    }
                },
                TaskCreationOptions.LongRunning),
            Task.Factory.StartNew(
                () =>
                {
                    for (ulong n = 0; !Volatile.Read(ref stopped); n++)
                    {
                        memory.Write((n % Pages * 0x1000) + 16, n);
                    }
                },
                TaskCreationOptions.LongRunning),
        ];
        int collected = 0;
        try
        {
            while (Volatile.Read(ref rounds) < 200 || collected < 50)
            {
                Collect();
                collected++;
            }
        }
        finally
        {
            Volatile.Write(ref stopped, true);
        }

        while (!Task.WaitAll(writers, TimeSpan.FromMilliseconds(10)))
        {
            Collect();
        }

        Collect();
        memory.ReadArray<byte>(0, Pages * 0x1000).AsSpan().SequenceEqual(copy).ShouldBeTrue();
        log.Collect().Count.ShouldBe(0UL);

        void Collect()
        {
            foreach (GuestRange range in log.Collect())
            {
                memory.Read(range.Start, copy.AsSpan((int)range.Start.Value, (int)range.Length));
            }
        }
    }

    private static KvmPartitionOptions Options(int ring)
    {
        Need.Kvm();
        using var probe = new KvmPartition();
        Skip.If(ring > probe.Capabilities.DirtyRingEntries, "this kernel's KVM has no dirty rings");
        return new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop, DirtyRingSize = ring };
    }

    private static List<ulong> PagesOf(DirtyLog log) =>
        [.. log.Collect().SelectMany(range => Enumerable.Range(0, (int)(range.Length / 0x1000)).Select(page => (range.Start.Value / 0x1000) + (ulong)page))];
}
