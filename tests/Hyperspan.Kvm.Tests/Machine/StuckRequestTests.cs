using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Testing;
using Hyperspan.Virtio;
using Iced.Intel;

using static Iced.Intel.AssemblerRegisters;

using Register = Hyperspan.Kvm.VirtioMmioRegister;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>A request behind virtio-mmio that does not return: whoever waits for it can end, and nothing of it is given back before it does.</summary>
public sealed class StuckRequestTests : IDisposable
{
    private const ulong First = 0x10000;
    private const ulong Second = 0x20000;

    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(100);

    private readonly HoldingDevice _device = new() { Holds = 0 };
    private readonly string _program = Path.GetTempFileName();

    public void Dispose()
    {
        File.Delete(_program);
        _device.Holds = -1;
        _device.Release();
        MmioBed.Eventually(() => Volatile.Read(ref _device.LiveHandlers) == 0);
    }

    [LinuxFact]
    public void When_its_device_goes_it_is_named_and_left_to_itself()
    {
        using var bed = new MmioBed(_device, stopTimeout: Short);
        (_, VirtQueueDriver other) = Hold(bed);
        bed.Serve(1, other);
        int interrupts = bed.Interrupts;
        bed.Transport.Dispose();
        bed.Failures.ShouldHaveSingleItem().ShouldContain("test, queue 0: ");
        bed.Failures.Single().ShouldContain("does not end, and is left to itself");
        _device.LiveHandlers.ShouldBe(1);

        // It returns to nobody: no interrupt, no failure.
        _device.Release();
        MmioBed.Eventually(() => Volatile.Read(ref _device.LiveHandlers) == 0);
        bed.Interrupts.ShouldBe(interrupts);
        bed.Failures.Count.ShouldBe(1);
        bed.Transport.Dispose();
    }

    [LinuxTheory]
    [InlineData(Register.Status)]
    [InlineData(Register.QueueReady)]
    public void A_driver_that_waits_for_it_by_a_register_goes_on_when_it_returns_or_the_machine_ends(int register)
    {
        using var bed = new MmioBed(_device, stopTimeout: Short);
        (VirtQueueDriver driver, _) = Hold(bed);
        bed[Register.QueueSelect] = 0;
        var reset = new Thread(() => bed[register] = 0);
        reset.Start();
        MmioBed.Eventually(() => Volatile.Read(ref _device.Cancellations) == 1);
        reset.Join(3 * Short).ShouldBeFalse("a driver may use the memory again when its write is over: nothing shortens that wait");
        _device.Release();
        reset.Join();
        bed.Collect(driver);
        bed[Register.QueueReady].ShouldBe(0U);

        // Again, and the machine ends meanwhile.
        Hold(bed);
        bed[Register.QueueSelect] = 0;
        int cancellations = Volatile.Read(ref _device.Cancellations);
        reset = new Thread(() => bed[register] = 0);
        reset.Start();
        MmioBed.Eventually(() => Volatile.Read(ref _device.Cancellations) > cancellations);
        bed.Transport.BeginEnd();
        reset.Join();
        bed.Failures.ShouldBeEmpty();
    }

    [LinuxTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pause_that_waits_for_it_is_given_up_and_all_goes_on(bool returnsInPause)
    {
        using var bed = new MmioBed(_device, stopTimeout: Short);
        (VirtQueueDriver driver, VirtQueueDriver other) = Hold(bed);
        Should.Throw<TimeoutException>(bed.Transport.Pause).Message.ShouldContain("test, queue 0: ");
        if (returnsInPause)
        {
            Return(bed, driver);
        }

        bed.Transport.Resume();
        bed.Serve(1, other);
        bed.Submit(0, driver, MmioBed.Data + 0x1000);
        if (!returnsInPause)
        {
            Return(bed, driver);
        }

        bed.Collect(driver);
        bed.Serve(0, driver);
        bed.Transport.Pause();
        bed.Transport.Resume();
        bed.Serve(0, driver);
        bed.Failures.ShouldBeEmpty();
    }

    /// <summary>The guest resets its device while a request is in flight, so that its processor waits in the write.</summary>
    [SkippableFact]
    public async Task A_machine_whose_processor_waits_for_it_is_not_paused_and_stops_all_the_same()
    {
        Need.Kvm();
        const ulong Script = 0x18_0000;
        const ulong Rings = 0x20_0000;
        const ulong Flag = 0x1f_0000;
        WriteProgram(Script, Flag);
        var failures = new List<string>();
        Task<MachineEnd> running;
        using var stop = new CancellationTokenSource();
        using (var machine = new VirtualMachine(new MachineOptions
        {
            KernelPath = _program,
            MemorySize = 4 << 20,
            Devices = [_device],
            StopTimeout = Short,
            OnDeviceFailure = failures.Add,
        }))
        {
            var driver = new VirtQueueDriver(machine.Memory, Rings, 8);
            driver.TryAdd([], [new ChainSegment(Rings + 0x8000, 64)], out _).ShouldBeTrue();
            machine.Memory.Write(Script, ScriptFor(driver));
            running = Task.Run(() => machine.Run(stop.Token));
            MmioBed.Eventually(() => _device.Held == 1);
            machine.Memory.Write(Flag, 1UL);
            MmioBed.Eventually(() => Volatile.Read(ref _device.Cancellations) == 1);
            Should.Throw<TimeoutException>(machine.Pause).Message.ShouldContain("1 of 1 processors");
            await stop.CancelAsync();
            (await running).Kind.ShouldBe(MachineEndKind.Stopped);
        }

        failures.ShouldHaveSingleItem().ShouldContain("machine device 0, queue 0: ");
    }

    /// <summary>Writes pairs of a register's address and a value; zero waits for the flag, and one ends.</summary>
    private static uint[] ScriptFor(VirtQueueDriver driver)
    {
        const uint Device = 0xd000_0000;
        (int Register, uint Value)[] writes =
        [
            (Register.Status, 3), (Register.DriverFeaturesSelect, 1), (Register.DriverFeatures, 1), (Register.Status, 11),
            (Register.QueueSelect, 0), (Register.QueueSize, 8), (Register.QueueDescriptorsLow, (uint)driver.Layout.DescriptorTable.Value),
            (Register.QueueDriverLow, (uint)driver.Layout.AvailableRing.Value), (Register.QueueDeviceLow, (uint)driver.Layout.UsedRing.Value),
            (Register.QueueReady, 1), (Register.Status, 15), (Register.QueueNotify, 0),
        ];
        return
        [
            .. writes.SelectMany(write => (uint[])[Device + (uint)write.Register, write.Value]),
            0, 0,
            Device + Register.Status, 0,
            1, 0,
        ];
    }

    private void WriteProgram(ulong script, ulong flag)
    {
        var a = new Assembler(64);
        Label next = a.CreateLabel(), wait = a.CreateLabel(), over = a.CreateLabel();
        a.mov(esi, (uint)script);
        a.mov(edi, (uint)flag);
        a.Label(ref next);
        a.mov(ebx, __[rsi]);
        a.mov(eax, __[rsi + 4]);
        a.add(rsi, 8);
        a.cmp(ebx, 1);
        a.je(over);
        a.test(ebx, ebx);
        a.je(wait);
        a.mov(__[rbx], eax);
        a.jmp(next);
        a.Label(ref wait);
        a.cmp(__qword_ptr[rdi], 0);
        a.je(wait);
        a.jmp(next);
        a.Label(ref over);
        a.hlt();
        a.jmp(over);
        using var code = new MemoryStream();
        a.Assemble(new StreamCodeWriter(code), 0x10_0000);
        File.WriteAllBytes(_program, code.ToArray());
    }

    /// <summary>Sets both queues up, and has a request of the first held.</summary>
    private (VirtQueueDriver Held, VirtQueueDriver Other) Hold(MmioBed bed)
    {
        bed.Start();
        VirtQueueDriver driver = bed.SetUp(0, First);
        VirtQueueDriver other = bed.SetUp(1, Second);
        bed.Submit(0, driver);
        MmioBed.Eventually(() => _device.Held == 1);
        return (driver, other);
    }

    private void Return(MmioBed bed, VirtQueueDriver driver)
    {
        _device.Holds = -1;
        _device.Release();
        bed.Collect(driver);
    }
}
