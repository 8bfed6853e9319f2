using Hyperspan.Kvm.Tests.Infrastructure;

namespace Hyperspan.Kvm.Tests;

/// <summary>Registers: set, read back, and as the guest sees them.</summary>
public sealed class RegisterTests
{
    [Fact]
    public void Parts_of_segments_and_tables_are_set_where_they_stand()
    {
        var special = default(SpecialRegisters);
        special.Cs.Base = 0x10_0000;
        special.Tr.Limit = 0x67;
        special.Gdt.Base = 0x5000;
        special.Idt.Limit = 0xfff;
        (special.Cs.Base, special.Tr.Limit, special.Gdt.Base, special.Idt.Limit).ShouldBe((0x10_0000UL, 0x67U, 0x5000UL, (ushort)0xfff));
        (special with { Ss = SegmentRegister.Data(0x10) }).Ss.Selector.ShouldBe((ushort)0x10);
    }

    [SkippableFact]
    public void Registers_are_read_back_as_they_were_set()
    {
        Need.Kvm();
        using var partition = new KvmPartition(new KvmPartitionOptions { InterruptController = true, IntervalTimer = true });
        VirtualProcessor processor = partition.CreateProcessor(0);
        processor.SetCpuid(partition.GetSupportedCpuid());
        var general = new GeneralRegisters
        {
            Rax = 1,
            Rbx = 2,
            Rcx = 3,
            Rdx = 4,
            Rsi = 5,
            Rdi = 6,
            Rsp = 7,
            Rbp = 8,
            R8 = 9,
            R9 = 10,
            R10 = 11,
            R11 = 12,
            R12 = 13,
            R13 = 14,
            R14 = 15,
            R15 = 16,
            Rip = 17,
            Rflags = 2,
        };
        processor.SetRegisters(general);
        processor.GetRegisters().ShouldBe(general);

        SpecialRegisters special = processor.GetSpecialRegisters();
        special.Cs.Selector.ShouldBe((ushort)0xf000);
        special.Cs.Base.ShouldBe(0xffff_0000UL);
        special.Gdt = new DescriptorTableRegister { Base = 0x1234, Limit = 0x56 };
        special.Cr2 = 0x777;
        processor.SetSpecialRegisters(special);
        processor.GetSpecialRegisters().Gdt.ShouldBe(new DescriptorTableRegister { Base = 0x1234, Limit = 0x56 });
        processor.GetSpecialRegisters().Cr2.ShouldBe(0x777UL);
        processor.GetSpecialRegisters().PendingInterrupt.ShouldBeNull();

        FloatingPointRegisters floating = processor.GetFloatingPointRegisters();
        floating.Xmm[3] = new UInt128(0x1111, 0x2222);
        floating.Mxcsr = 0x1f80;
        processor.SetFloatingPointRegisters(floating);
        processor.GetFloatingPointRegisters().Xmm[3].ShouldBe(new UInt128(0x1111, 0x2222));

        byte[] extended = processor.GetExtendedState();
        extended.Length.ShouldBe(partition.Capabilities.ExtendedStateLength);

        // XMM4, and in the header that SSE is in use.
        extended[0xa0 + (4 * 16)] = 0x33;
        extended[512] |= 2;
        processor.SetExtendedState(extended);
        processor.GetExtendedState()[0xa0 + (4 * 16)].ShouldBe((byte)0x33);
        processor.GetFloatingPointRegisters().Xmm[4].ShouldBe((UInt128)0x33);
        Should.Throw<ArgumentException>(() => processor.SetExtendedState(new byte[8]));

        processor.SetExtendedControlRegisters(new ExtendedControlRegister(0, 3));
        processor.GetExtendedControlRegisters().ShouldContain(new ExtendedControlRegister(0, 3));

        processor.SetDebugRegisters(processor.GetDebugRegisters() with { Dr0 = 0x4000 });
        processor.GetDebugRegisters().Dr0.ShouldBe(0x4000UL);

        processor.SetEvents(processor.GetEvents() with { NmiPending = 1 });
        processor.GetEvents().NmiPending.ShouldBe((byte)1);
        processor.GetActivity().ShouldBe(ProcessorActivity.Runnable);
        partition.CreateProcessor(1).GetActivity().ShouldBe(ProcessorActivity.Uninitialized);
        VirtualProcessor next = partition.CreateProcessor();
        next.Id.ShouldBe(2u);
        next.Dispose();
        partition.CreateProcessor().Id.ShouldBe(3u);

        LocalApicState apic = processor.GetLocalApic();
        apic.Write(0x80, 0x20);
        processor.SetLocalApic(apic);
        processor.GetLocalApic().Read(0x80).ShouldBe(0x20u);
        Should.Throw<ArgumentOutOfRangeException>(() => apic.Read(0x84));
    }

    [SkippableFact]
    public void Model_specific_registers_are_named_when_they_are_refused()
    {
        Need.Kvm();
        using var partition = new KvmPartition();
        VirtualProcessor processor = partition.CreateProcessor(0);
        processor.SetCpuid(partition.GetSupportedCpuid());
        const uint SystemCallTarget = 0xc000_0082;
        processor.SetModelSpecificRegisters(new ModelSpecificRegister(SystemCallTarget, 0x1234));
        processor.GetModelSpecificRegisters(SystemCallTarget).ShouldBe([new ModelSpecificRegister(SystemCallTarget, 0x1234)]);
        partition.GetStateRegisters().ShouldContain(SystemCallTarget);
        Should.Throw<KvmException>(() => processor.SetModelSpecificRegisters(
            new ModelSpecificRegister(SystemCallTarget, 0), new ModelSpecificRegister(0xdead_0000, 1))).Message.ShouldContain("0xdead0000");
        processor.GetModelSpecificRegisters(SystemCallTarget, 0xdead_0000, SystemCallTarget).Length.ShouldBe(1);
    }

    [SkippableFact]
    public void CPUID_answers_what_was_set()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(Iced.Intel.AssemblerRegisters.eax, 1);
            a.cpuid();
            a.mov(Iced.Intel.AssemblerRegisters.r8, Iced.Intel.AssemblerRegisters.rbx);
            a.mov(Iced.Intel.AssemblerRegisters.r9, Iced.Intel.AssemblerRegisters.rcx);
            a.mov(Iced.Intel.AssemblerRegisters.eax, unchecked((int)0x8000_0002));
            a.cpuid();
            a.hlt();
        });
        VirtualProcessor processor = guest.Processor(ring: 0);
        CpuidTable table = guest.Partition.GetSupportedCpuid().ForProcessor(5, 8);
        table.TryFind(0x8000_0002, 0, out CpuidEntry brand).ShouldBeTrue();
        table.Set(brand with { Eax = 0x1234_5678, Ebx = 1, Ecx = 2, Edx = 0xffff_ffff });
        processor.SetCpuid(table);
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        GeneralRegisters answer = processor.GetRegisters();
        (answer.R8 >> 24).ShouldBe(5UL);
        (answer.R8 >> 16 & 0xff).ShouldBe(8UL);
        (answer.R9 >> 31).ShouldBe(1UL);
        (answer.Rax, answer.Rbx, answer.Rcx, answer.Rdx).ShouldBe((0x1234_5678UL, 1UL, 2UL, 0xffff_ffffUL));
    }

    [SkippableFact]
    public void Kernels_run_where_ring_0_has_vector_instructions_and_else_the_reason_names_the_one_that_failed()
    {
        using var guest = new GuestProgram(a =>
        {
            a.paddq(Iced.Intel.AssemblerRegisters.xmm7, Iced.Intel.AssemblerRegisters.xmm1);
            a.hlt();
        });
        bool runs = guest.Processor(ring: 0).Run().Kind == KvmExitKind.Halt;
        string? why = KvmPartition.WhyNoKernels();
        (why is null).ShouldBe(runs, why);
        if (why is not null)
        {
            why.ShouldContain("66 0f ef c0");
        }
    }
}
