using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>Which pages the guest wrote to.</summary>
public sealed class DirtyLogTests
{
    private const ulong Elsewhere = 0x1000_0000;
    private const int Pages = 200;

    /// <summary>Writes to every third page of other memory, then stops; again and again.</summary>
    private static GuestProgram Writing(PartitionOptions options) => new(
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
        using GuestProgram guest = Writing(new PartitionOptions { Unclaimed = UnclaimedAccess.Stop });
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
            processor.Run().Kind.ShouldBe(ProcessorExitKind.Port);
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
        processor.Run().Kind.ShouldBe(ProcessorExitKind.Port);
        Should.Throw<InvalidOperationException>(() => mapping.ReadDirty(slot, bitmap));
        Should.Throw<ArgumentException>(() => mapping.ReadDirty(slot, new ulong[1]));
    }

    [SkippableFact]
    public void The_ring_has_the_pages_that_were_written()
    {
        Need.Kvm();
        using (var probe = new Partition())
        {
            Skip.If(probe.Capabilities.DirtyRingEntries == 0, "this kernel's KVM has no dirty rings");
        }

        using GuestProgram guest = Writing(new PartitionOptions { Unclaimed = UnclaimedAccess.Stop, DirtyRingSize = 4096 });
        using var memory = new GuestMemory(new SharedBacking(Pages * 0x1000UL), "logged");
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        mapping.StartDirtyLog();
        VirtualProcessor processor = guest.Processor();
        for (int round = 0; round < 3; round++)
        {
            processor.Run().Kind.ShouldBe(ProcessorExitKind.Port);
            var pages = new SortedSet<ulong>();
            guest.Partition.CollectDirty(page => pages.Add((page.Value - Elsewhere) / 0x1000));
            pages.ShouldBe(Enumerable.Range(0, (Pages + 2) / 3).Select(i => (ulong)i * 3));
        }
    }
}
