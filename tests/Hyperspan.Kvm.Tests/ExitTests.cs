using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>What a guest does, and how its processor comes back.</summary>
public sealed class ExitTests
{
    private static readonly KvmPartitionOptions Stopping = new() { Unclaimed = UnclaimedAccess.Stop };

    [SkippableFact]
    public void A_port_is_written_and_read_by_its_device()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(dx, 0x3f8);
            a.mov(eax, 0x1234_5678);
            a.@out(dx, al);
            a.@out(dx, ax);
            a.@out(dx, eax);
            a.@in(eax, dx);
            a.mov(__dword_ptr[(long)GuestProgram.Data], eax);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        var written = new List<string>();
        guest.Partition.Ports.AddHandler(
            new GuestRange(0x3f8, 8),
            (_, data) => new byte[] { 1, 2, 3, 4 }.AsSpan(0, data.Length).CopyTo(data),
            (offset, data) => written.Add($"{offset}:{Convert.ToHexString(data)}"),
            "serial");
        KvmExit exit = guest.Processor().Run();
        exit.Kind.ShouldBe(KvmExitKind.Port);
        (exit.Address, exit.Length, exit.IsWrite, exit.Value).ShouldBe((0x99UL, 1, true, 0x01UL));
        written.ShouldBe(["0:78", "0:7856", "0:78563412"]);
        guest.Memory.Read<uint>(GuestProgram.Data).ShouldBe(0x0403_0201u);
    }

    [SkippableFact]
    public void A_string_instruction_reaches_the_device_element_by_element()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(esi, (uint)GuestProgram.Data);
            a.mov(ecx, 5000);
            a.mov(dx, 0x3f8);
            a.rep.outsb();
            a.mov(edi, (uint)GuestProgram.Data);
            a.mov(ecx, 3);
            a.rep.insw();
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        byte[] text = new byte[5000];
        Random.Shared.NextBytes(text);
        guest.Memory.Write(GuestProgram.Data, text);
        var written = new List<byte>();
        ushort next = 0x100;
        guest.Partition.Ports.AddHandler(
            new GuestRange(0x3f8, 2), (_, data) => BitConverter.TryWriteBytes(data, ++next), (_, data) => written.Add(data[0]), "serial");
        guest.Processor().Run().Address.ShouldBe(0x99UL);
        written.ShouldBe(text);
        guest.Memory.ReadArray<ushort>(GuestProgram.Data, 3).ShouldBe([0x101, 0x102, 0x103]);
    }

    [SkippableFact]
    public void Memory_mapped_registers_are_read_and_written_in_all_lengths()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device));
            a.mov(rax, 0x1122_3344_5566_7788);
            a.mov(__byte_ptr[rbx], al);
            a.mov(__word_ptr[rbx + 2], ax);
            a.mov(__dword_ptr[rbx + 4], eax);
            a.mov(__qword_ptr[rbx + 8], rax);
            a.mov(rax, __qword_ptr[rbx + 0x10]);
            a.mov(__qword_ptr[(long)GuestProgram.Data], rax);
            a.movzx(eax, __byte_ptr[rbx + 0x11]);
            a.mov(__qword_ptr[(long)GuestProgram.Data + 8], rax);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        var seen = new List<string>();
        guest.Partition.Memory.AddHandler(
            new GuestRange(GuestProgram.Device, 0x1000),
            (offset, data) =>
            {
                for (int i = 0; i < data.Length; i++)
                {
                    data[i] = (byte)(offset + (ulong)i);
                }
            },
            (offset, data) => seen.Add($"{offset}:{Convert.ToHexString(data)}"),
            "registers");
        guest.Processor().Run().Address.ShouldBe(0x99UL);
        seen.ShouldBe(["0:88", "2:8877", "4:88776655", "8:8877665544332211"]);
        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBe(0x1716_1514_1312_1110UL);
        guest.Memory.Read<ulong>(GuestProgram.Data + 8).ShouldBe(0x11UL);
    }

    [SkippableFact]
    public void An_access_that_crosses_into_the_next_page_reaches_both_devices()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device + 0xffc));
            a.mov(rax, __qword_ptr[rbx]);
            a.mov(__qword_ptr[(long)GuestProgram.Data], rax);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        guest.Partition.Memory.AddHandler(new GuestRange(GuestProgram.Device, 0x1000), (_, data) => data.Fill(0xaa), (_, _) => { }, "first");

        // Nobody answers for the second page: ones, and both parts are one exit.
        KvmExit exit = guest.Processor().Run();
        exit.Kind.ShouldBe(KvmExitKind.Mmio);
        exit.Address.ShouldBe(GuestProgram.Device + 0x1000);
        exit.Fault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        guest.Partition.Processors[0].Run().Address.ShouldBe(0x99UL);
        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBe(0xffff_ffff_aaaa_aaaaUL);
    }

    [SkippableFact]
    public void A_read_that_nobody_answers_finds_ones_and_is_done_when_the_processor_comes_back()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device));
            a.mov(eax, __dword_ptr[rbx]);
            a.nop();
        }, Stopping);
        VirtualProcessor processor = guest.Processor();
        KvmExit exit = processor.Run();
        (exit.Kind, exit.Address, exit.Length, exit.IsWrite, exit.Value).ShouldBe((KvmExitKind.Mmio, GuestProgram.Device, 4, false, 0xffff_ffffUL));
        GeneralRegisters registers = processor.GetRegisters();
        registers.Rax.ShouldBe(0xffff_ffffUL);
        registers.Rip.ShouldBe(GuestProgram.Code + 5 + 2);

        // Nothing is pending: elsewhere is where it goes on.
        guest.Write(GuestProgram.Code + 0x1000, a =>
        {
            a.mov(dx, 0x99);
            a.@out(dx, al);
        });
        processor.SetRegisters(registers with { Rip = GuestProgram.Code + 0x1000 });
        processor.Run().Address.ShouldBe(0x99UL);
    }

    [SkippableFact]
    public void Without_stopping_the_guest_goes_on_and_the_access_is_counted()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(dx, 0x77);
            a.@out(dx, al);
            a.@in(al, dx);
            a.mov(__byte_ptr[(long)GuestProgram.Data], al);
            a.hlt();
        });
        VirtualProcessor processor = guest.Processor(ring: 0);
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        guest.Memory.Read<byte>(GuestProgram.Data).ShouldBe((byte)0xff);
        processor.Statistics.Unclaimed.ShouldBe(2);
        processor.Statistics.Port.ShouldBe(2);
    }

    [SkippableFact]
    public void A_device_that_throws_stops_the_processor_with_its_exception()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(dx, 0x3f8);
            a.@out(dx, al);
        }, Stopping);
        guest.Partition.Ports.AddHandler(new GuestRange(0x3f8, 1), (_, _) => { }, (_, _) => throw new InvalidDataException("broken"), "broken");
        KvmExit exit = guest.Processor().Run();
        exit.Fault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.Other);
        exit.Fault!.Value.Exception.ShouldBeOfType<InvalidDataException>();
    }

    [SkippableFact]
    public void Halt_and_a_triple_fault_are_told_apart()
    {
        using var guest = new GuestProgram(a => a.hlt());
        guest.Processor(0, ring: 0).Run().Kind.ShouldBe(KvmExitKind.Halt);

        // In ring 3 it is forbidden, and there is no handler for that.
        guest.Processor(1, ring: 3).Run().Kind.ShouldBe(KvmExitKind.Shutdown);
    }

    [SkippableFact]
    public void Registers_that_contradict_each_other_are_refused_with_the_reason()
    {
        using var guest = new GuestProgram(a => a.hlt());
        VirtualProcessor processor = guest.Processor();
        SpecialRegisters special = processor.GetSpecialRegisters();

        // Not write-through without cache disable: no processor enters so.
        special.Cr0 |= 0x2000_0000;
        try
        {
            processor.SetSpecialRegisters(special);
        }
        catch (KvmException e)
        {
            // Newer kernels look themselves.
            e.Operation.ShouldBe("KVM_SET_SREGS");
            return;
        }

        KvmExit exit = processor.Run();
        exit.Kind.ShouldBe(KvmExitKind.FailedEntry);
        exit.Reason.ShouldNotBeNull().ShouldContain("refuses the state of the guest");
    }

    [SkippableFact]
    public void Code_in_a_device_is_an_internal_error_with_the_reason()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(eax, unchecked((uint)GuestProgram.Device));
            a.jmp(rax);
        });
        KvmExit exit = guest.Processor(ring: 0).Run();
        exit.Kind.ShouldBe(KvmExitKind.InternalError);
        exit.Reason.ShouldNotBeNull().ShouldContain("cannot emulate");
    }

    [SkippableFact]
    public void Registers_are_out_of_reach_while_a_read_is_pending()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(ebx, unchecked((uint)GuestProgram.Device));
            a.mov(eax, __dword_ptr[rbx]);
            a.mov(dx, 0x99);
            a.@out(dx, al);
        }, Stopping);
        VirtualProcessor processor = guest.Processor();
        Exception? thrown = null;
        guest.Partition.Memory.AddHandler(
            new GuestRange(GuestProgram.Device, 0x1000),
            (_, _) => thrown = Record.Exception(() => processor.SetRegisters(default)),
            (_, _) => { },
            "curious");
        processor.Run().Address.ShouldBe(0x99UL);
        thrown.ShouldBeOfType<InvalidOperationException>().Message.ShouldContain("running");
    }
}
