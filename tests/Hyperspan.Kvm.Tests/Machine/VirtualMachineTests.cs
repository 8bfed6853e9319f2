using System.Text;

using Hyperspan.Kvm.Tests.Infrastructure;
using Iced.Intel;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>A machine with small programs: how each kind begins, and how it ends.</summary>
public sealed class VirtualMachineTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [SkippableFact]
    public async Task A_flat_program_says_hello_and_turns_the_machine_off()
    {
        Need.Kvm();
        using VirtualMachine machine = Flat(a =>
        {
            foreach (char c in "hello")
            {
                a.mov(dx, 0x3f8);
                a.mov(al, (byte)c);
                a.@out(dx, al);
            }

            PowerOff(a);
        });
        machine.Run().ShouldBe(new MachineEnd(MachineEndKind.PoweredOff));
        byte[] buffer = new byte[64];
        Encoding.ASCII.GetString(buffer, 0, await machine.Console.ReadAsync(buffer, CancellationToken.None)).ShouldBe("hello");
        machine.Statistics.Processors[0].Port.ShouldBe(6);
        Should.Throw<InvalidOperationException>(() => machine.Run());
    }

    [SkippableFact]
    public void A_reset_a_triple_fault_and_a_stop_are_told_apart()
    {
        Need.Kvm();
        using (VirtualMachine machine = Flat(a =>
        {
            a.mov(dx, 0x602);
            a.mov(al, 1);
            a.@out(dx, al);
            a.hlt();
        }))
        {
            machine.Run().Kind.ShouldBe(MachineEndKind.Reset);
        }

        using (VirtualMachine machine = Flat(a => a.ud2()))
        {
            machine.Run().Kind.ShouldBe(MachineEndKind.Reset);
        }

        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        using (VirtualMachine machine = Flat(a => a.hlt(), processors: 2))
        {
            machine.Run(soon.Token).Kind.ShouldBe(MachineEndKind.Stopped);
        }
    }

    /// <summary>Whoever makes a machine anew each time it is reset would never be through otherwise.</summary>
    [SkippableFact]
    public async Task One_that_is_asked_to_end_before_it_runs_does_not_begin()
    {
        Need.Kvm();
        using var asked = new CancellationTokenSource();
        await asked.CancelAsync();
        for (int i = 0; i < 20; i++)
        {
            using VirtualMachine machine = Flat(a => a.ud2(), processors: 2);
            machine.Run(asked.Token).Kind.ShouldBe(MachineEndKind.Stopped);
            machine.Statistics.Processors.ShouldAllBe(processor => processor.Entries == 0);
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_that_is_disposed_while_it_runs_or_is_paused_is_stopped(bool isPaused)
    {
        Need.Kvm();
        using VirtualMachine machine = Flat(Spin, processors: 2);
        Task<MachineEnd> running = machine.RunAsync();
        Eventually.True(() => machine.Statistics.Processors[0].Entries > 0, "it runs");
        if (isPaused)
        {
            machine.Pause();
        }

        machine.Dispose();
        (await running.WaitAsync(TimeSpan.FromMinutes(1))).ShouldBe(new MachineEnd(MachineEndKind.Stopped));
        Should.Throw<InvalidOperationException>(machine.Pause);
        if (isPaused)
        {
            machine.Resume();
        }
    }

    [SkippableFact]
    public void One_that_has_been_disposed_does_not_run()
    {
        Need.Kvm();
        VirtualMachine machine = Flat(Spin);
        machine.Dispose();
        Should.Throw<ObjectDisposedException>(() => machine.Run(new CancellationTokenSource(TimeSpan.FromMinutes(1)).Token));
        Should.Throw<InvalidOperationException>(machine.Pause);
    }

    /// <summary>A device that waited for the processor that waits for it would wait for ever, or for nothing.</summary>
    [SkippableFact]
    public void A_device_can_neither_pause_nor_dispose_the_machine_whose_processor_waits_for_it()
    {
        Need.Kvm();
        using VirtualMachine machine = Flat(a =>
        {
            a.mov(dx, 0x700);
            a.@out(dx, al);
            PowerOff(a);
        });
        var thrown = new List<Exception?>();
        machine.Partition.Ports.AddHandler(
            new GuestRange(0x700, 1),
            (_, _) => { },
            (_, _) => thrown.AddRange([Record.Exception(machine.Pause), Record.Exception(machine.Dispose)]),
            "suicidal");
        machine.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
        thrown.Count.ShouldBe(2);
        thrown.ShouldAllBe(e => e is InvalidOperationException);
    }

    /// <summary>Keys are typed whenever they are: also when the machine has just gone, or is being made anew.</summary>
    [SkippableFact]
    public async Task Whoever_types_to_a_machine_that_has_gone_is_not_told_by_an_exception()
    {
        Need.Kvm();
        VirtualMachine machine = Flat(a =>
        {
            a.mov(dx, 0x3f9);
            a.mov(al, 3);
            a.@out(dx, al);
            PowerOff(a);
        });
        machine.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
        machine.Dispose();
        await machine.Console.WriteAsync("typed"u8.ToArray());
    }

    [SkippableFact]
    public void A_failure_says_where_and_why()
    {
        Need.Kvm();
        using VirtualMachine machine = Flat(a =>
        {
            a.mov(eax, unchecked((int)0xd800_0000));
            a.jmp(rax);
        });
        MachineEnd end = machine.Run();
        end.Kind.ShouldBe(MachineEndKind.Failed);
        end.Reason.ShouldNotBeNull().ShouldContain("processor 0 at 0xd8000000");
    }

    [SkippableFact]
    public void ELF_files_begin_in_long_mode_or_by_their_note_in_protected_mode()
    {
        Need.Kvm();
        File.WriteAllBytes(_path, KernelImageTests.Elf(note: false, Assembled(64, 0x20_0000, PowerOff)));
        using (var machine = new VirtualMachine(new MachineOptions { KernelPath = _path, MemorySize = 8 << 20 }))
        {
            machine.Format.ShouldBe(KernelFormat.Elf);
            machine.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
        }

        // The mark of the start information decides.
        byte[] code = Assembled(32, 0x20_0010, a =>
        {
            a.cmp(__dword_ptr[ebx], 0x336e_c578);
            Label wrong = a.CreateLabel();
            a.jne(wrong);
            PowerOff(a);
            a.Label(ref wrong);
            a.ud2();
        });
        File.WriteAllBytes(_path, KernelImageTests.Elf(note: true, code));
        using (var machine = new VirtualMachine(new MachineOptions { KernelPath = _path, MemorySize = 8 << 20 }))
        {
            machine.Format.ShouldBe(KernelFormat.PvhElf);
            machine.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
        }
    }

    [SkippableFact]
    public void A_machine_of_64_GiB_takes_what_its_guest_touches()
    {
        Need.Kvm();
        const ulong High = 0x1_0000_0000;
        using VirtualMachine machine = Flat(PowerOff, memory: 64UL << 30);
        machine.Memory.Write(High + (60UL << 30), 1u);
        machine.Memory.Regions.Count.ShouldBe(2);
        machine.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
    }

    [SkippableTheory]
    [InlineData(1UL << 47)]
    [InlineData(0xffff_ffff_ffff_f000)]
    public void More_memory_than_can_be_mapped_is_refused_by_its_amount(ulong memory)
    {
        Need.Kvm();
        Should.Throw<MachineException>(() => Flat(Spin, memory: memory)).Message.ShouldStartWith($"0x{memory:x} bytes of memory are too much");
    }

    private static void Spin(Assembler a)
    {
        Label loop = a.CreateLabel();
        a.Label(ref loop);
        a.jmp(loop);
    }

    private static void PowerOff(Assembler a)
    {
        a.mov(dx, 0x600);
        a.mov(al, 0x34);
        a.@out(dx, al);
        Label loop = a.CreateLabel();
        a.Label(ref loop);
        a.hlt();
        a.jmp(loop);
    }

    private static byte[] Assembled(int bits, ulong address, Action<Assembler> program)
    {
        var assembler = new Assembler(bits);
        program(assembler);
        using var code = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(code), address);
        return code.ToArray();
    }

    private VirtualMachine Flat(Action<Assembler> program, int processors = 1, ulong memory = 4 << 20)
    {
        File.WriteAllBytes(_path, Assembled(64, 0x10_0000, program));
        return new VirtualMachine(new MachineOptions { KernelPath = _path, MemorySize = memory, ProcessorCount = processors });
    }
}
