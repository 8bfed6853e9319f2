using System.Runtime.CompilerServices;

using Hyperspan.Devices;
using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>Doorbells that the kernel rings, and interrupts that it raises.</summary>
public sealed class DoorbellTests
{
    [SkippableFact]
    public void Writes_that_match_ring_in_the_kernel_and_others_reach_the_device()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device));
            a.mov(__dword_ptr[rbx], 7);
            a.mov(__dword_ptr[rbx], 8);
            a.mov(__word_ptr[rbx], 7);
            a.mov(__byte_ptr[rbx + 8], 1);
            a.mov(__qword_ptr[rbx + 8], 2);
            a.mov(dx, 0x500);
            a.mov(eax, 3);
            a.@out(dx, ax);
            a.@out(dx, al);
            a.hlt();
        });
        var seen = new List<string>();
        guest.Partition.Memory.AddHandler(
            new GuestRange(GuestProgram.Device, 0x1000), (_, _) => { }, (offset, data) => seen.Add($"{offset}:{Convert.ToHexString(data)}"), "device");
        guest.Partition.Ports.AddHandler(new GuestRange(0x500, 1), (_, _) => { }, (_, data) => seen.Add($"port:{Convert.ToHexString(data)}"), "port");
        using EventFile value = new(), any = new(), port = new();
        IDisposable first = guest.Partition.RegisterDoorbell(GuestProgram.Device, 7, 4, DoorbellEvent.FromEventFileDescriptor(value.Handle));
        guest.Partition.RegisterDoorbell(GuestProgram.Device + 8, null, null, DoorbellEvent.FromEventFileDescriptor(any.Handle));
        guest.Partition.RegisterPortDoorbell(0x500, null, 2, DoorbellEvent.FromEventFileDescriptor(port.Handle));
        VirtualProcessor processor = guest.Processor(ring: 0);
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        value.Take().ShouldBe(1UL);
        any.Take().ShouldBe(2UL);
        port.Take().ShouldBe(1UL);
        seen.ShouldBe(["0:08000000", "0:0700", "port:03"]);
        processor.Statistics.Mmio.ShouldBe(2);

        // Taken away, it is the device's.
        seen.Clear();
        first.Dispose();
        first.Dispose();
        GuestProgram.Start(processor, ring: 0);
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        value.Take().ShouldBe(0UL);
        seen[0].ShouldBe("0:07000000");
    }

    [SkippableFact]
    public void A_doorbell_without_an_event_of_the_kernels_is_rung_all_the_same()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device));
            a.mov(__dword_ptr[rbx], 7);
            a.mov(__word_ptr[rbx], 7);
            a.hlt();
        });
        int rung = 0;
        guest.Partition.RegisterDoorbell(GuestProgram.Device, 7, null, DoorbellEvent.FromCallback(() => rung++));
        guest.Processor(ring: 0).Run().Kind.ShouldBe(KvmExitKind.Halt);
        rung.ShouldBe(2);
    }

    [SkippableFact]
    public void Doorbells_that_collide_are_refused()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        using var bell = new EventFile();
        DoorbellEvent target = DoorbellEvent.FromEventFileDescriptor(bell.Handle);
        partition.RegisterDoorbell(GuestProgram.Device, null, 4, target);
        Should.Throw<InvalidOperationException>(() => partition.RegisterDoorbell(GuestProgram.Device, 1, 4, target));
        partition.RegisterDoorbell(GuestProgram.Device, 1, 2, target);
        Should.Throw<ArgumentOutOfRangeException>(() => partition.RegisterPortDoorbell(0x10, null, 8, target));
    }

    [SkippableFact]
    public void What_is_registered_and_not_taken_back_goes_with_the_partition_and_lets_its_event_go()
    {
        Need.Kvm();
        var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true });
        using EventFile memory = new(), port = new(), interrupt = new();
        IDisposable doorbell = partition.RegisterDoorbell(GuestProgram.Device, null, 4, DoorbellEvent.FromEventFileDescriptor(memory.Handle));
        partition.RegisterPortDoorbell(0x500, 1, 2, DoorbellEvent.FromEventFileDescriptor(port.Handle));
        IDisposable connection = partition.ConnectInterrupt(interrupt, 5);
        partition.Dispose();
        foreach (EventFile bell in (EventFile[])[memory, port, interrupt])
        {
            nint number = bell.Handle.DangerousGetHandle();
            string open = Identity(number).ShouldNotBeNull();
            bell.Dispose();
            (Identity(number) == open).ShouldBeFalse("it is closed");
        }

        doorbell.Dispose();
        connection.Dispose();
        Should.Throw<ObjectDisposedException>(() => partition.RegisterDoorbell(GuestProgram.Device, null, 4, DoorbellEvent.FromCallback(() => { })));
        using var late = new EventFile();
        Should.Throw<ObjectDisposedException>(() => partition.ConnectInterrupt(late, 5));
    }

    [SkippableFact]
    public void An_event_is_an_interrupt_of_the_guest()
    {
        const byte Vector = 0x40;
        const ulong Handler = GuestProgram.Code + 0x1000;
        using var guest = new GuestProgram(
            a =>
            {
                Iced.Intel.Label loop = a.CreateLabel();
                a.sti();
                a.Label(ref loop);
                a.hlt();
                a.jmp(loop);
            },
            new KvmPartitionOptions { InterruptController = true, Unclaimed = UnclaimedAccess.Stop });
        guest.Write(Handler, a =>
        {
            a.push(rax);
            a.mov(eax, unchecked((uint)0xfee0_00b0));
            a.mov(__dword_ptr[rax], 0);
            a.@lock.inc(__qword_ptr[(long)GuestProgram.Data]);
            a.pop(rax);
            a.iretq();
        });
        guest.SetInterruptHandler(Vector, Handler);
        VirtualProcessor processor = guest.Processor(ring: 0);
        LocalApicState apic = processor.GetLocalApic();
        apic.Write(0xf0, 0x1ff);
        processor.SetLocalApic(apic);
        var running = new RunningProcessor(processor);

        for (ulong i = 1; i <= 100; i++)
        {
            Eventually.True(() => guest.Partition.SendMessage(0xfee0_0000, Vector), "the processor takes it");
            ulong count = i;
            Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) == count, $"message {i}");
        }

        using var source = new EventFile();
        guest.Partition.SetMessageRoute(40, 0xfee0_0000, Vector);
        using (guest.Partition.ConnectInterrupt(source, 40))
        {
            for (ulong i = 101; i <= 200; i++)
            {
                source.Signal();
                ulong count = i;
                Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) == count, $"signal {i}");
            }
        }

        source.Signal();
        guest.Partition.RemoveMessageRoute(40);
        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBe(200UL);
        source.Take().ShouldBe(1UL);
    }

    /// <summary>A device passes on what its guest has written to the table of messages: whatever it is.</summary>
    [SkippableFact]
    public void A_message_to_nobody_is_taken_by_nobody()
    {
        Need.Kvm();
        using var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true });
        partition.SendMessage(0xfee0_0000, 0x40).ShouldBeFalse("there is no processor");
        partition.CreateProcessor();
        foreach (ulong address in (ulong[])[0, 0x1234, 0xfee0_5000, 0xfeef_f000, ulong.MaxValue])
        {
            partition.SendMessage(address, 0x40).ShouldBeFalse();
            partition.SendMessage(address, uint.MaxValue).ShouldBeOfType<bool>();
        }
    }

    [SkippableFact]
    public void A_route_too_many_is_refused_and_the_others_can_be_changed()
    {
        Need.Kvm();
        using var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true });

        // Told to the kernel one by one they take half a minute.
        Dictionary<uint, (ulong Address, uint Data)> routes = RoutesOf(partition);
        for (uint route = 24; route <= 4095; route++)
        {
            routes.Add(route, (0xfee0_0000, 0x40));
        }

        Should.Throw<KvmException>(() => partition.RemoveMessageRoute(24));
        routes.Count.ShouldBe(4072, "nothing has changed");
        for (uint route = 4080; route <= 4095; route++)
        {
            routes.Remove(route);
        }

        partition.SetMessageRoute(4080, 0xfee0_0000, 0x40);
        Should.Throw<KvmException>(() => partition.SetMessageRoute(4081, 0xfee0_0000, 0x40));
        partition.SetMessageRoute(24, 0xfee0_0000, 0x41);
        partition.RemoveMessageRoute(25);
        partition.SetMessageRoute(4081, 0xfee0_0000, 0x40);
    }

    [SkippableTheory]
    [InlineData(24)]
    [InlineData(99)]
    [InlineData(uint.MaxValue)]
    public void A_line_that_there_is_not_is_refused(uint line)
    {
        Need.Kvm();
        using var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true });
        Should.Throw<ArgumentOutOfRangeException>(() => partition.SetInterruptLine(line, asserted: true));
        partition.SetInterruptLine(23, asserted: true);
        partition.SetInterruptLine(23, asserted: false);
    }

    [SkippableTheory]
    [InlineData(4096)]
    [InlineData(uint.MaxValue)]
    public void What_can_stand_for_nothing_is_connected_to_nothing(uint line)
    {
        Need.Kvm();
        using var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true });
        using var source = new EventFile();
        Should.Throw<ArgumentOutOfRangeException>(() => partition.ConnectInterrupt(source, line));
        partition.ConnectInterrupt(source, 4095).Dispose();
    }

    [SkippableFact]
    public void Without_a_controller_there_are_no_interrupts()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        Should.Throw<InvalidOperationException>(() => partition.SetInterruptLine(3, asserted: true));
        Should.Throw<InvalidOperationException>(() => partition.SendMessage(0xfee0_0000, 0x40));
        using var source = new EventFile();
        Should.Throw<InvalidOperationException>(() => partition.ConnectInterrupt(source, 3));
        Should.Throw<ArgumentException>(() => new KvmPartition(new KvmPartitionOptions { IntervalTimer = true }));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_messages")]
    private static extern ref Dictionary<uint, (ulong Address, uint Data)> RoutesOf(KvmPartition partition);

    // Each eventfd of a kernel has a number of its own, which a descriptor used again does not share.
    private static string? Identity(nint descriptor)
    {
        string path = $"/proc/self/fdinfo/{descriptor}";
        return File.Exists(path) ? File.ReadLines(path).SingleOrDefault(line => line.StartsWith("eventfd-id", StringComparison.Ordinal)) : null;
    }
}
