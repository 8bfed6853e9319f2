using Hyperspan.Devices;
using Hyperspan.Kvm.Tests.Infrastructure;
using Iced.Intel;

using Microsoft.Win32.SafeHandles;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>Memory that a guest sees: mapped, refused, taken away and moved.</summary>
public sealed class MemorySlotTests
{
    private const ulong Elsewhere = 0x1000_0000;

    private static readonly KvmPartitionOptions Stopping = new() { Unclaimed = UnclaimedAccess.Stop };

    [SkippableFact]
    public void A_store_to_a_read_only_slot_goes_to_the_device_and_changes_nothing()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, (uint)Elsewhere);
            a.mov(eax, __dword_ptr[rbx]);
            a.mov(__dword_ptr[(long)GuestProgram.Data], eax);
            a.mov(__dword_ptr[rbx], 0x55);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        using var rom = new GuestMemory(new HeapBacking(0x1000), "rom");
        rom.Write(0, 0x1234_5678u);
        guest.Partition.Map(Elsewhere, rom, readOnly: true).Slots.Single().IsReadOnly.ShouldBeTrue();
        uint stored = 0;
        guest.Partition.Memory.AddHandler(new GuestRange(Elsewhere, 0x1000), (_, _) => { }, (_, data) => stored = BitConverter.ToUInt32(data), "behind the ROM");
        guest.Processor().Run().Address.ShouldBe(0x99UL);
        guest.Memory.Read<uint>(GuestProgram.Data).ShouldBe(0x1234_5678u);
        stored.ShouldBe(0x55u);
        rom.Read<uint>(0).ShouldBe(0x1234_5678u);
    }

    [SkippableFact]
    public void What_a_guest_cannot_see_is_refused_with_the_reason()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using var ram = new GuestMemory(new HeapBacking(0x3000), "ram");
        partition.Map(ram);

        using var device = new GuestMemory(new MethodsOnly(), "device");
        Should.Throw<ArgumentException>(() => partition.Map(Elsewhere, device, readOnly: false)).Message.ShouldContain("fallback");
        using var restricted = new GuestMemory(new HeapBacking(0x1000) { AccessBitmaps = new AccessBitmaps(0x1000) }, "restricted");
        Should.Throw<ArgumentException>(() => partition.Map(Elsewhere, restricted, readOnly: false)).Message.ShouldContain("access bitmaps");
        using var moving = new GuestMemory(new MovingMemory(), "moving");
        Should.Throw<ArgumentException>(() => partition.Map(Elsewhere, moving, readOnly: false)).Message.ShouldContain("moved");
        using var odd = ram.Slice(0x800, 0x1000);
        Should.Throw<ArgumentException>(() => partition.Map(Elsewhere, odd, readOnly: false)).Message.ShouldContain("whole pages");
        Should.Throw<ArgumentException>(() => partition.Map(Elsewhere + 0x10, ram, readOnly: false)).Message.ShouldContain("4096");
        Should.Throw<ArgumentException>(() => partition.Map(0xffff_ffff_ffff_f000, ram, readOnly: false)).Message.ShouldContain("end of the address space");
        using GuestMemory high = new GuestMemoryBuilder("high").AddRegion(0x1_0000_0000, new HeapBacking(0x1000)).Build();
        Should.Throw<ArgumentException>(() => partition.Map(0xffff_ffff_0000_0000, high, readOnly: false)).ParamName.ShouldBe("address");
        using var other = new GuestMemory(new HeapBacking(0x1000), "other");
        Should.Throw<InvalidOperationException>(() => partition.Map(0x2000, other, readOnly: false)).Message.ShouldContain("overlaps the memory 'ram'");
        partition.Slots.Count.ShouldBe(1);
        partition.Map(0x3000, other, readOnly: false).Slots.Single().Range.ShouldBe(new GuestRange(0x3000, 0x1000));
    }

    [SkippableFact]
    public void One_region_that_is_refused_leaves_none_mapped()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using var ram = new GuestMemory(new HeapBacking(0x1000), "ram");
        partition.Map(0x5000, ram, readOnly: false);
        using var two = new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(0x1000)).AddRegion(0x5000, new HeapBacking(0x1000)).Build();
        Should.Throw<InvalidOperationException>(() => partition.Map(two));
        partition.Slots.Select(slot => slot.Range.Start.Value).ShouldBe([0x5000UL]);
    }

    [SkippableFact]
    public void There_are_as_many_slots_as_the_kernel_says()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        int slots = Math.Min(partition.Capabilities.MemorySlots, 600);
        using var page = new GuestMemory(new HeapBacking(0x1000), "page");
        for (int i = 0; i < slots; i++)
        {
            partition.Map((ulong)i * 0x2000, page, readOnly: false);
        }

        partition.Slots.Count.ShouldBe(slots);
        partition.Capabilities.MemorySlots.ShouldBeGreaterThanOrEqualTo(32);
    }

    [SkippableFact]
    public void Slots_are_used_again()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using var page = new GuestMemory(new HeapBacking(0x1000), "page");
        for (int i = 0; i < 100; i++)
        {
            using MemoryMapping mapping = partition.Map(page);
            mapping.Slots.Single().Number.ShouldBe(0u);
        }
    }

    [SkippableFact]
    public void Pinned_pages_are_neither_unmapped_nor_moved()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using var ram = new GuestMemory(new SharedBacking(0x10000), "ram");
        MemoryMapping mapping = partition.Map(Elsewhere, ram, readOnly: false);
        using (ram.Pin(0x3010, 0x20, AccessType.Write))
        {
            Should.Throw<InvalidOperationException>(mapping.Unmap).Message.ShouldContain("0x10003000");
            Should.Throw<InvalidOperationException>(() => mapping.MoveTo(0x2000_0000)).Message.ShouldContain("pinned");
            mapping.Slots.Single().Range.Start.ShouldBe(new GuestAddress(Elsewhere));
        }

        // A request of a device, by vectors.
        using (var vectors = new GuestIoVectors(AccessType.Read))
        {
            vectors.Add(ram, 0x5000, 0x1000);
            Should.Throw<InvalidOperationException>(mapping.Unmap).Message.ShouldContain("0x10005000");
        }

        using (ram.PinPages([4, 7], AccessType.Read))
        {
            Should.Throw<InvalidOperationException>(mapping.Unmap).Message.ShouldContain("0x10004000");
        }

        mapping.MoveTo(0x2000_0000);
        mapping.Unmap();
        mapping.IsUnmapped.ShouldBeTrue();
        partition.Slots.ShouldBeEmpty();
    }

    [SkippableFact]
    public void After_unmapping_under_a_running_processor_stores_reach_the_device_and_not_the_memory()
    {
        using var guest = new GuestProgram(a =>
        {
            Iced.Intel.Label loop = a.CreateLabel();
            a.mov(ebx, (uint)Elsewhere);
            a.Label(ref loop);
            a.inc(rax);
            a.mov(__qword_ptr[rbx], rax);
            a.jmp(loop);
        });
        using var ram = new GuestMemory(new SharedBacking(0x1000), "hot");
        long stores = 0;
        guest.Partition.Memory.AddHandler(new GuestRange(Elsewhere, 0x1000), (_, _) => { }, (_, _) => Interlocked.Increment(ref stores), "where memory was");
        MemoryMapping? mapping = guest.Partition.Map(Elsewhere, ram, readOnly: false);
        var running = new RunningProcessor(guest.Processor());
        for (int round = 0; round < 20; round++)
        {
            ulong before = ram.Read<ulong>(0);
            Eventually.True(() => ram.Read<ulong>(0) != before, "the guest stores to the memory");
            mapping.Unmap();
            ulong after = ram.Read<ulong>(0);
            long seen = Interlocked.Read(ref stores);
            Eventually.True(() => Interlocked.Read(ref stores) > seen + 10, "the guest stores to the device");
            ram.Read<ulong>(0).ShouldBe(after);
            mapping = guest.Partition.Map(Elsewhere, ram, readOnly: false);
        }

        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
    }

    [SkippableFact]
    public void Slots_move_while_a_processor_runs()
    {
        using var guest = new GuestProgram(a =>
        {
            Iced.Intel.Label loop = a.CreateLabel();
            a.mov(ebx, (uint)Elsewhere);
            a.Label(ref loop);
            a.mov(rax, __qword_ptr[rbx]);
            a.mov(__qword_ptr[(long)GuestProgram.Data], rax);
            a.mov(rcx, __qword_ptr[rbx + 0x10_0000]);
            a.mov(__qword_ptr[(long)GuestProgram.Data + 8], rcx);
            a.jmp(loop);
        });
        using var ram = new GuestMemoryBuilder("two").AddRegion(0, new SharedBacking(0x10_0000)).AddRegion(0x10_0000, new SharedBacking(0x10_0000)).Build();
        ram.Write(0, 1UL);
        ram.Write(0x10_0000, 2UL);
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, ram, readOnly: false);
        var running = new RunningProcessor(guest.Processor());
        for (int round = 0; round < 20; round++)
        {
            ShouldSee(guest, 1, 2);

            // Onto itself: the upper half comes to lie where nothing was, the lower where the upper was; and back.
            mapping.MoveTo(Elsewhere + 0x10_0000);
            ShouldSee(guest, ulong.MaxValue, 1);
            mapping.MoveTo(Elsewhere);
        }

        ShouldSee(guest, 1, 2);
        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
    }

    [SkippableFact]
    public void Slots_are_seen_as_they_are_before_or_after_a_move()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using GuestMemory ram = new GuestMemoryBuilder("two").AddRegion(0, new SharedBacking(0x1000)).AddRegion(0x2000, new SharedBacking(0x1000)).Build();
        MemoryMapping mapping = partition.Map(ram);
        int moving = 2;
        Parallel.For(0, 3, who =>
        {
            for (uint i = 0; who < 2 && i < 300; i++)
            {
                mapping.MoveTo(Elsewhere * (i % 7));
            }

            _ = who < 2 ? Interlocked.Decrement(ref moving) : moving;
            while (who == 2 && Volatile.Read(ref moving) > 0)
            {
                IReadOnlyList<MemorySlot> slots = mapping.Slots;
                (slots[1].Range.Start.Value - slots[0].Range.Start.Value).ShouldBe(0x2000UL);
            }
        });
        mapping.Slots.ShouldBe(partition.Slots);
    }

    /// <summary>As many as a guest's memory has holes: the time for all of them must not be that of each times their number.</summary>
    [SkippableFact]
    public void Many_regions_are_mapped_at_a_cost_in_proportion_to_their_number()
    {
        Need.Kvm();
        const uint Count = 2000;
        using var partition = new KvmPartition();
        var backing = new SharedBacking(Count * 0x1000UL);
        var builder = new GuestMemoryBuilder("scattered");
        for (uint i = 0; i < Count; i++)
        {
            builder.AddRegion(i * 0x2000UL, backing, backingOffset: i * 0x1000UL, length: 0x1000);
        }

        using GuestMemory memory = builder.Build();
        long before = GC.GetAllocatedBytesForCurrentThread();
        MemoryMapping mapping = partition.Map(memory);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(Count * 2000L);
        mapping.Slots.Count.ShouldBe((int)Count);
    }

    [SkippableFact]
    public void A_page_that_is_not_there_stops_the_processor_which_goes_on_when_it_is()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, (uint)Elsewhere);
            a.mov(__dword_ptr[rbx], 0x77);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        var sparse = new SparseBacking(0x10000);
        using var memory = new GuestMemory(sparse, "sparse");
        guest.Partition.Map(Elsewhere, memory, readOnly: false);
        VirtualProcessor processor = guest.Processor();
        processor.Run().Kind.ShouldBe(KvmExitKind.MemoryFault);
        processor.Run().Kind.ShouldBe(KvmExitKind.MemoryFault);
        sparse.Commit(0, 0x1000);
        processor.Run().Address.ShouldBe(0x99UL);
        memory.Read<uint>(0).ShouldBe(0x77u);
    }

    /// <summary>What a device maps into its region changes while the guest sees it; then the guest sees it elsewhere, may only read it, and has it no more.</summary>
    [SkippableFact]
    public void A_device_shows_the_guest_a_region_and_changes_what_is_in_it()
    {
        const ushort Stop = 0x99;
        using var guest = new GuestProgram(a =>
        {
            Label next = a.CreateLabel();
            a.mov(ebx, (uint)Elsewhere);
            a.mov(__dword_ptr[rbx], 0x1234);
            a.Label(ref next);
            a.mov(dx, Stop);
            a.@out(dx, al);
            a.mov(eax, __dword_ptr[rbx]);
            a.mov(__dword_ptr[(long)GuestProgram.Data], eax);
            a.mov(__dword_ptr[rbx + 0x1004], 0x55);
            a.jmp(next);
        }, Stopping);
        using SafeFileHandle first = MemoryFile(0x1000), second = MemoryFile(0x3000);
        RandomAccess.Write(second, BitConverter.GetBytes(0x77), 0x1000);
        (IMappableGuestMemory view, IMappedMemoryRegion region) = guest.Partition.CreateRegion(0x1_0000, "bar");
        region.Map(0, first, 0, 0x1000, writable: true);
        view.MapToGuest(Elsewhere, writable: true);
        Should.Throw<InvalidOperationException>(() => view.MapToGuest(Elsewhere, writable: true));
        VirtualProcessor processor = guest.Processor();
        processor.Run().Address.ShouldBe(Stop);
        Word(first, 0).ShouldBe(0x1234u);

        // Another file in its place, and nothing behind it.
        region.Map(0, second, 0x1000, 0x1000, writable: true);
        processor.Run().Kind.ShouldBe(KvmExitKind.MemoryFault);
        guest.Memory.Read<uint>(GuestProgram.Data).ShouldBe(0x77u);
        region.Map(0x1000, second, 0x2000, 0x1000, writable: true);
        processor.Run().Address.ShouldBe(Stop);
        Word(second, 0x2004).ShouldBe(0x55u);

        // Elsewhere, to be read: the store goes to the device.
        view.UnmapFromGuest();
        guest.Partition.Slots.Count.ShouldBe(1);
        view.MapToGuest(Elsewhere + 0x10_0000, writable: true);
        view.UnmapFromGuest();
        view.MapToGuest(Elsewhere, writable: false);
        RandomAccess.Write(second, new byte[4], 0x2004);
        processor.Run().ShouldSatisfyAllConditions(exit => exit.Kind.ShouldBe(KvmExitKind.Mmio), exit => exit.Address.ShouldBe((ulong)Elsewhere + 0x1004));
        Word(second, 0x2004).ShouldBe(0u);

        view.Dispose();
        view.Dispose();
        guest.Partition.Slots.Count.ShouldBe(1);
        Should.Throw<ObjectDisposedException>(() => view.MapToGuest(Elsewhere, writable: true));
        Should.Throw<ObjectDisposedException>(() => region.Map(0, first, 0, 0x1000, writable: true));
        Should.Throw<ArgumentOutOfRangeException>(() => guest.Partition.CreateRegion(0x1234, "odd"));

        // One that outlives its partition.
        (IMappableGuestMemory last, _) = guest.Partition.CreateRegion(0x1000, "last");
        last.MapToGuest(Elsewhere, writable: true);
        guest.Partition.Dispose();
        last.Dispose();
        Should.Throw<ObjectDisposedException>(() => guest.Partition.CreateRegion(0x1000, "late"));
    }

    [SkippableFact]
    public void A_file_is_memory_and_truncating_it_stops_the_processor()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, (uint)Elsewhere);
            a.inc(__dword_ptr[rbx]);
            a.mov(dx, 0x99);
            a.@out(dx, al);
            a.inc(__dword_ptr[rbx + 0x1000]);
        }, Stopping);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[0x2000]);
            using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            using var file = new GuestMemory(new FileBacking(handle, FileAccess.ReadWrite), "file");
            guest.Partition.Map(Elsewhere, file, readOnly: false);
            VirtualProcessor processor = guest.Processor();
            processor.Run().Address.ShouldBe(0x99UL);
            RandomAccess.SetLength(handle, 0x1000);
            processor.Run().Kind.ShouldBe(KvmExitKind.MemoryFault);
            File.ReadAllBytes(path)[0].ShouldBe((byte)1);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [SkippableFact]
    public void A_memory_disposed_while_it_is_mapped_stays_the_guests_until_it_is_unmapped()
    {
        using var guest = new GuestProgram(a =>
        {
            Iced.Intel.Label loop = a.CreateLabel();
            a.mov(ebx, (uint)Elsewhere);
            a.Label(ref loop);
            a.mov(dx, 0x99);
            a.mov(eax, __dword_ptr[rbx]);
            a.@out(dx, eax);
            a.jmp(loop);
        }, Stopping);
        var backing = new SharedBacking(0x1000);
        var memory = new GuestMemory(backing, "short-lived");
        memory.Write(0, 0xabcdu);
        MemoryMapping mapping = guest.Partition.Map(Elsewhere, memory, readOnly: false);
        memory.Dispose();
        backing.DisposeAndUnmap();
        VirtualProcessor processor = guest.Processor();
        processor.Run().Value.ShouldBe(0xabcdUL);
        mapping.Unmap();
        processor.Run().Kind.ShouldBe(KvmExitKind.Mmio);
    }

    [SkippableFact]
    public void Guest_and_host_count_on_one_word()
    {
        const int Rounds = 20_000;
        using var guest = new GuestProgram(a =>
        {
            Iced.Intel.Label loop = a.CreateLabel();
            a.mov(ecx, Rounds);
            a.Label(ref loop);
            a.@lock.inc(__qword_ptr[(long)GuestProgram.Data]);
            a.dec(ecx);
            a.jne(loop);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        RunningProcessor[] running = [new(guest.Processor(0)), new(guest.Processor(1))];
        for (int i = 0; i < Rounds; i++)
        {
            guest.Memory.Add(GuestProgram.Data, 1UL);
        }

        foreach (RunningProcessor processor in running)
        {
            processor.Wait().Kind.ShouldBe(KvmExitKind.Port);
        }

        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBe(3UL * Rounds);
    }

    private static void ShouldSee(GuestProgram guest, ulong first, ulong second) => Eventually.True(
        () => guest.Memory.Read<ulong>(GuestProgram.Data) == first && guest.Memory.Read<ulong>(GuestProgram.Data + 8) == second,
        $"the guest sees {first} and {second}");

    private static SafeFileHandle MemoryFile(long length)
    {
        SafeFileHandle file = File.OpenHandle(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.DeleteOnClose);
        RandomAccess.SetLength(file, length);
        return file;
    }

    private static uint Word(SafeFileHandle file, long offset)
    {
        byte[] bytes = new byte[4];
        RandomAccess.Read(file, bytes, offset).ShouldBe(4);
        return BitConverter.ToUInt32(bytes);
    }
}
