using System.Diagnostics;

using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Snapshots;
using Iced.Intel;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>
/// A machine is paused, saved, and goes on in another one. Its program counts in a general register, in a vector register (where guests in ring 0 have them) and in memory, and
/// resets the machine where these disagree, or where its clock goes back.
/// </summary>
public sealed class MachineStateTests : IDisposable
{
    private const ulong Counter = 0x20_0000;
    private const ulong End = Counter + 64;

    private readonly string _program = Path.GetTempFileName();
    private readonly string _snapshot = Path.GetTempFileName();

    public void Dispose()
    {
        File.Delete(_program);
        File.Delete(_snapshot);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task It_goes_on_where_it_was_saved_many_times(int processors)
    {
        Need.Kvm();
        ulong last = 0;
        using (VirtualMachine first = Create(processors))
        {
            last = await RunAndSave(first, 0);
        }

        // As many as a slow machine makes in a third of a minute, at least ten: the time bounds the number, and decides nothing.
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < 50 && (i < 10 || watch.Elapsed < TimeSpan.FromSeconds(20)); i++)
        {
            using GuestMemorySnapshot saved = GuestMemorySnapshot.Open(_snapshot);
            using var machine = new VirtualMachine(new MachineOptions { Restore = saved });
            machine.Partition.Processors.Count.ShouldBe(processors);
            machine.Format.ShouldBe(KernelFormat.Flat);
            machine.Memory.Read<ulong>(Counter).ShouldBe(last);
            last = await RunAndSave(machine, last);
        }

        using GuestMemorySnapshot end = GuestMemorySnapshot.Open(_snapshot);
        using var ending = new VirtualMachine(new MachineOptions { Restore = end });
        ending.Memory.Write(End, 1UL);
        ending.Run().ShouldBe(new MachineEnd(MachineEndKind.PoweredOff));
    }

    [SkippableFact]
    public async Task A_difference_to_an_earlier_save_is_restored_with_it()
    {
        Need.Kvm();
        string second = _snapshot + ".2";
        try
        {
            using VirtualMachine machine = Create();
            Task<MachineEnd> running = machine.RunAsync();
            WaitFor(machine, Counter, 1000);
            await machine.SaveAsync(_snapshot);
            using (GuestMemorySnapshot since = GuestMemorySnapshot.Open(_snapshot))
            {
                WaitFor(machine, Counter, machine.Memory.Read<ulong>(Counter) + 1000);
                SnapshotSaved saved = await machine.SaveAsync(second, new SnapshotSaveOptions { Since = since, Compress = true });
                saved.StoredPages.ShouldBeLessThan(100UL);
            }

            machine.Memory.Write(End, 1UL);
            (await running).Kind.ShouldBe(MachineEndKind.PoweredOff);

            using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(second);
            using var again = new VirtualMachine(new MachineOptions { Restore = snapshot });
            again.Memory.Write(End, 1UL);
            again.Run().Kind.ShouldBe(MachineEndKind.PoweredOff);
        }
        finally
        {
            File.Delete(second);
        }
    }

    [SkippableFact]
    public void While_it_is_paused_nothing_changes_and_pauses_hold_until_the_last_is_over()
    {
        Need.Kvm();
        using VirtualMachine machine = Create(2);
        Should.Throw<InvalidOperationException>(machine.Resume);
        machine.Pause();
        Task<MachineEnd> running = machine.RunAsync();
        machine.Pause();
        machine.Resume();
        Thread.Sleep(20);
        machine.Memory.Read<ulong>(Counter).ShouldBe(0UL);
        machine.Resume();
        WaitFor(machine, Counter, 1000);
        Parallel.For(0, 2, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                machine.Pause();
                ulong before = machine.Memory.Read<ulong>(Counter);
                Thread.SpinWait(10_000);
                machine.Memory.Read<ulong>(Counter).ShouldBe(before);
                machine.Resume();
            }
        });
        WaitFor(machine, Counter, machine.Memory.Read<ulong>(Counter) + 1000);
        machine.Memory.Write(End, 1UL);
        running.GetAwaiter().GetResult().Kind.ShouldBe(MachineEndKind.PoweredOff);
        Should.Throw<InvalidOperationException>(machine.Pause);
    }

    [SkippableFact]
    public async Task What_is_not_a_machines_is_refused_with_the_reason()
    {
        Need.Kvm();
        using (var memory = new GuestMemory(new HeapBacking(4 << 20), "plain"))
        {
            await GuestMemorySnapshot.SaveAsync(memory, _snapshot);
        }

        Refused().Message.ShouldContain("lacks the section 'machine'");
        SnapshotSection[] sections;
        using (VirtualMachine machine = Create())
        {
            await machine.SaveAsync(_snapshot);
            using GuestMemorySnapshot saved = GuestMemorySnapshot.Open(_snapshot);
            sections = [.. saved.Sections.Select(section => new SnapshotSection(section.Name, saved.ReadSection(section.Name, 1 << 20)))];
        }

        using (GuestMemorySnapshot saved = GuestMemorySnapshot.Open(_snapshot))
        {
            var options = new MachineOptions { Restore = saved, Devices = [new Virtio.VirtioEntropyDevice()] };
            Should.Throw<InvalidStateException>(() => new VirtualMachine(options)).Message.ShouldContain("0 devices, and 1 are given");
        }

        using (var memory = new GuestMemory(new HeapBacking(8 << 20), "larger"))
        {
            await GuestMemorySnapshot.SaveAsync(memory, _snapshot, new SnapshotSaveOptions { Sections = sections });
        }

        Refused().Message.ShouldContain("memory is not that of the machine");
    }

    [SkippableFact]
    public async Task Damaged_states_are_refused_and_nothing_worse()
    {
        Need.Kvm();
        (string Name, byte[] Content)[] sections;
        using (VirtualMachine machine = Create())
        {
            await machine.SaveAsync(_snapshot);
            using GuestMemorySnapshot saved = GuestMemorySnapshot.Open(_snapshot);
            sections = [.. saved.Sections.Select(section => (section.Name, saved.ReadSection(section.Name, 1 << 20)!))];
        }

        var random = new Random(1);
        int refused = 0;
        using var memory = new GuestMemory(new HeapBacking(4 << 20), "ram");
        for (int i = 0; i < 60; i++)
        {
            int which = random.Next(sections.Length);
            byte[] content = (byte[])sections[which].Content.Clone();
            content = (i % 3) switch
            {
                0 => content[..random.Next(content.Length)],
                1 => [.. content, 1, 2, 3],
                _ => content,
            };
            if (i % 3 == 2)
            {
                content.AsSpan(random.Next(content.Length - 8), 8).Fill((byte)random.Next(256));
            }

            SnapshotSection[] some = [.. sections.Select((section, n) => new SnapshotSection(section.Name, n == which ? content : section.Content))];
            await GuestMemorySnapshot.SaveAsync(memory, _snapshot, new SnapshotSaveOptions { Sections = some });
            using GuestMemorySnapshot damaged = GuestMemorySnapshot.Open(_snapshot);
            try
            {
                using var machine = new VirtualMachine(new MachineOptions { Restore = damaged });
                using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(5));
                machine.Run(soon.Token);
            }
            catch (Exception e) when (e is InvalidStateException or KvmException or MachineException)
            {
                refused++;
            }
        }

        refused.ShouldBeGreaterThanOrEqualTo(40);
    }

    private static void WaitFor(VirtualMachine machine, ulong counter, ulong value) =>
        Eventually.True(() => machine.Memory.Read<ulong>(counter) >= value, $"the guest counts to {value}");

    private static void Program(Assembler a)
    {
        Label loop = a.CreateLabel(), wrong = a.CreateLabel(), over = a.CreateLabel(), rest = a.CreateLabel();
        a.mov(rbx, Counter);
        a.xor(r15d, r15d);
        a.xor(r14d, r14d);
        bool hasVectors = KvmPartition.WhyNoKernels() is null;
        if (hasVectors)
        {
            a.pxor(xmm5, xmm5);
            a.mov(eax, 1);
            a.movq(xmm6, rax);
        }

        a.Label(ref loop);
        a.inc(r15);
        if (hasVectors)
        {
            a.paddq(xmm5, xmm6);
            a.movq(rax, xmm5);
            a.cmp(rax, r15);
            a.jne(wrong);
        }

        a.mov(__[rbx], r15);
        a.rdtsc();
        a.shl(rdx, 32);
        a.or(rax, rdx);
        a.cmp(rax, r14);
        a.jb(wrong);
        a.mov(r14, rax);
        a.cmp(__qword_ptr[rbx + 64], 0);
        a.jne(over);
        a.jmp(loop);
        a.Label(ref wrong);
        a.ud2();
        a.Label(ref over);
        a.mov(dx, 0x600);
        a.mov(al, 0x34);
        a.@out(dx, al);
        a.Label(ref rest);
        a.hlt();
        a.jmp(rest);
    }

    private InvalidStateException Refused()
    {
        using GuestMemorySnapshot saved = GuestMemorySnapshot.Open(_snapshot);
        return Should.Throw<InvalidStateException>(() => new VirtualMachine(new MachineOptions { Restore = saved }));
    }

    /// <summary>Lets it count on from where it was, saves it while it does, and pulls the plug.</summary>
    private async Task<ulong> RunAndSave(VirtualMachine machine, ulong from)
    {
        using var stop = new CancellationTokenSource();
        Task<MachineEnd> running = Task.Run(() => machine.Run(stop.Token));
        WaitFor(machine, Counter, from + 1000);
        machine.Pause();
        ulong at = machine.Memory.Read<ulong>(Counter);
        await machine.SaveAsync(_snapshot);
        machine.Memory.Read<ulong>(Counter).ShouldBe(at, "it stays paused");
        await stop.CancelAsync();
        (await running).Kind.ShouldBe(MachineEndKind.Stopped);
        return at;
    }

    private VirtualMachine Create(int processors = 1)
    {
        var assembler = new Assembler(64);
        Program(assembler);
        using (var code = new MemoryStream())
        {
            assembler.Assemble(new StreamCodeWriter(code), 0x10_0000);
            File.WriteAllBytes(_program, code.ToArray());
        }

        return new VirtualMachine(new MachineOptions { KernelPath = _program, MemorySize = 4 << 20, ProcessorCount = processors });
    }
}
