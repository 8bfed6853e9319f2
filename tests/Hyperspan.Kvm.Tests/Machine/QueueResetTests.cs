using System.Diagnostics;

using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Testing;
using Hyperspan.Virtio;

using Register = Hyperspan.Kvm.VirtioMmioRegister;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>One queue behind virtio-mmio is reset by its driver (VIRTIO_F_RING_RESET, QueueReset), while the others go on.</summary>
public sealed class QueueResetTests : IDisposable
{
    private const ulong Features = VirtioFeatures.Version1 | VirtioFeatures.RingReset;
    private const ulong First = 0x10000;
    private const ulong Second = 0x20000;
    private const ulong Elsewhere = 0x30000;

    private readonly HoldingDevice _device = new();
    private readonly MmioBed _bed;

    public QueueResetTests() => _bed = new MmioBed(_device);

    public void Dispose()
    {
        _device.Holds = -1;
        _device.Release();
        _bed.Dispose();
        _device.LiveHandlers.ShouldBe(0);
    }

    [LinuxFact]
    public void It_is_offered_by_the_transport_and_no_device_knows()
    {
        _bed[Register.DeviceFeaturesSelect] = 1;
        (_bed[Register.DeviceFeatures] & (1 << 8)).ShouldBe(1U << 8);
        _bed.Start();
        _device.AcceptedFeatures.ShouldBe(VirtioFeatures.Version1);
        _bed.Serve(0, _bed.SetUp(0, First));
    }

    [LinuxTheory]
    [InlineData(VirtQueueFeatures.None, 0UL)]
    [InlineData(VirtQueueFeatures.PackedRing, VirtioFeatures.PackedRing)]
    [InlineData(VirtQueueFeatures.EventIndex | VirtQueueFeatures.InOrder, VirtioFeatures.EventIndex | VirtioFeatures.InOrder)]
    public void A_queue_is_set_up_anew_elsewhere_while_the_other_goes_on(VirtQueueFeatures ring, ulong features)
    {
        _bed.Start(Features | features);
        VirtQueueDriver one = _bed.SetUp(0, First, ring: ring);
        VirtQueueDriver other = _bed.SetUp(1, Second, ring: ring);
        for (int round = 0; round < 40; round++)
        {
            for (int i = 0; i < 5; i++)
            {
                _bed.Serve(0, one);
                _bed.Serve(1, other);
            }

            _bed.Submit(1, other, MmioBed.Data + 4096);
            _bed.Reset(0);

            // What it had is the driver's again, to the last byte: nobody looks there any more.
            _bed.Memory.Fill(one.Layout.DescriptorTable, 0xFF, 0x4000);
            _bed.Collect(other);
            ulong at = round % 2 == 0 ? Elsewhere : First;
            _bed[Register.QueueNotify] = 0;
            one = _bed.SetUp(0, at, (ushort)(4 << (round % 4)), ring);
        }

        _bed.Failures.ShouldBeEmpty();
        (_bed[Register.Status] & 64).ShouldBe(0U);
        MmioBed.Eventually(() => _bed.Transport.Requests == (40 * 10) + 40);
    }

    /// <summary>The state of a queue after a reset is that of its start, whatever its memory holds.</summary>
    [LinuxFact]
    public void Its_indices_begin_at_zero()
    {
        _bed.Start();
        VirtQueueDriver driver = _bed.SetUp(0, First);
        for (int i = 0; i < 3; i++)
        {
            _bed.Serve(0, driver);
        }

        _bed.Reset(0);
        _bed[Register.QueueSize] = 8;

        // The rings as they are left: three chains available from the beginning, and a used index of three.
        Configure(driver.Layout);
        _bed[Register.QueueReady] = 1;
        _bed[Register.QueueNotify] = 0;
        MmioBed.Eventually(() => _bed.Transport.Requests == 6);
        MmioBed.Eventually(() => _bed.Memory.VolatileRead<ushort>(driver.Layout.UsedRing + 2) == 3);
    }

    [LinuxFact]
    public void What_is_in_flight_returns_before_it_is_over_and_nothing_else_is_held_up()
    {
        _device.Holds = 0;
        _bed.Start();
        VirtQueueDriver one = _bed.SetUp(0, First);
        VirtQueueDriver other = _bed.SetUp(1, Second);
        for (ulong i = 0; i < 3; i++)
        {
            _bed.Submit(0, one, MmioBed.Data + (i * 64));
        }

        MmioBed.Eventually(() => _device.Held == 3);
        int interrupts = _bed.Interrupts;
        _bed[Register.QueueSelect] = 0;
        _bed[Register.QueueReset] = 1;
        _bed[Register.QueueReset].ShouldBe(1U);

        // Nothing new is taken, nothing of it changes, and a second reset is this one.
        _bed.Submit(0, one, MmioBed.Data + 0x1000);
        _bed[Register.QueueReset] = 1;
        _bed[Register.QueueReset] = 0;
        _bed[Register.QueueDescriptorsLow] = 0x5000;
        _bed[Register.QueueSize] = 2;
        _bed[Register.QueueReady] = 0;
        _bed[Register.QueueReady] = 1;
        _bed[Register.QueueReady].ShouldBe(1U);
        MmioBed.Eventually(() => Volatile.Read(ref _device.Cancellations) == 1);
        _bed.Interrupts.ShouldBe(interrupts);

        // The other queue is selected and served meanwhile.
        _bed[Register.QueueSelect] = 1;
        _bed[Register.QueueReset].ShouldBe(0U);
        _bed.Serve(1, other, MmioBed.Data + 0x2000);
        interrupts = _bed.Interrupts;
        _bed[Register.QueueSelect] = 0;
        _bed[Register.QueueReset].ShouldBe(1U);

        _device.Release();
        _bed.AwaitReset(0);
        _device.LiveHandlers.ShouldBe(1);
        for (int i = 0; i < 3; i++)
        {
            one.TryCollect(out VirtQueueCompletion completion).ShouldBeTrue("what was in flight has been returned");
            completion.Written.ShouldBe(64U);
        }

        one.TryCollect(out _).ShouldBeFalse("what was not taken stays where it is");
        _bed.Interrupts.ShouldBe(interrupts, "a driver that resets a queue is not notified for it");

        _device.Holds = -1;
        _bed.Serve(0, _bed.SetUp(0, Elsewhere, 16));
    }

    [LinuxFact]
    public async Task A_request_of_a_console_that_waits_is_dropped()
    {
        using var console = new VirtioConsoleDevice();
        using var bed = new MmioBed(console);
        bed.Start();
        VirtQueueDriver driver = bed.SetUp(1, First);
        driver.TryAdd([new ChainSegment(0x40000, 0x20000)], [], out _).ShouldBeTrue();
        bed[Register.QueueNotify] = 1;
        byte[] bytes = new byte[1];
        (await console.ReadAsync(bytes, CancellationToken.None)).ShouldBe(1);
        driver.TryCollect(out _).ShouldBeFalse("it waits for room");
        bed.Reset(1);
        driver.TryCollect(out VirtQueueCompletion completion).ShouldBeTrue();
        completion.Written.ShouldBe(0U);
    }

    [LinuxFact]
    public void A_queue_that_was_broken_is_whole_afterwards()
    {
        _bed.Start();
        VirtQueueDriver driver = _bed.SetUp(0, First);
        _bed.Memory.Write(driver.Layout.AvailableRing + 2, (ushort)1000);
        _bed[Register.QueueNotify] = 0;
        MmioBed.Eventually(() => !_bed.Failures.IsEmpty);
        _bed.Reset(0);
        _bed.Serve(0, _bed.SetUp(0, First));

        // That the device wants to be reset is not taken back: the driver has been told.
        (_bed[Register.Status] & 64).ShouldBe(64U);
    }

    /// <summary>Whoever writes what is told to a log must not have it filled by a guest.</summary>
    [LinuxFact]
    public void A_driver_that_gets_it_wrong_again_and_again_is_told_of_some_times_and_counted()
    {
        _bed.Start();
        _bed[Register.QueueSelect] = 1;
        _bed[Register.QueueSize] = 7;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < 1000; i++)
        {
            _bed[Register.QueueReady] = 1;
        }

        _bed[Register.QueueSize] = 0x8000;
        _bed[Register.QueueReady] = 1;
        _bed.Failures.Count.ShouldBeInRange(1, 9 + (int)watch.Elapsed.TotalSeconds);
        string first = _bed.Failures.First();
        first.ShouldStartWith("test, queue 1: ");
        first.ShouldContain("7");
        _bed.Transport.Dispose();
        _bed.Failures.Last().ShouldMatch("^test: the driver has got [0-9]+ other things wrong$");
    }

    /// <summary>A pause is no reset: nobody serves a ring again that was broken.</summary>
    [LinuxFact]
    public void A_queue_that_was_broken_stays_so_over_a_pause()
    {
        _bed.Start();
        VirtQueueDriver driver = _bed.SetUp(0, First);
        _bed.Serve(0, driver);
        _bed.Memory.Write(driver.Layout.AvailableRing + 2, (ushort)1000);
        _bed[Register.QueueNotify] = 0;
        MmioBed.Eventually(() => !_bed.Failures.IsEmpty);
        _bed.Transport.Pause();
        _bed.Memory.Write(driver.Layout.AvailableRing + 2, (ushort)1);
        _bed.Transport.Resume();
        _bed[Register.QueueNotify] = 0;
        _bed.Transport.Pause();
        _bed.Transport.Requests.ShouldBe(1);
        _bed.Transport.Resume();
        _bed.Reset(0);
        _bed.Serve(0, _bed.SetUp(0, First));
    }

    [LinuxFact]
    public void Without_the_feature_the_register_does_nothing()
    {
        _bed.Start(VirtioFeatures.Version1);
        VirtQueueDriver driver = _bed.SetUp(0, First);
        _device.Holds = 0;
        _bed.Submit(0, driver);
        MmioBed.Eventually(() => _device.Held == 1);
        _bed[Register.QueueReset] = 1;
        _bed[Register.QueueReset].ShouldBe(0U);
        _bed[Register.QueueReady].ShouldBe(1U);
        _device.Cancellations.ShouldBe(0);
        _device.Holds = -1;
        _device.Release();
        _bed.Collect(driver);
        _bed.Serve(0, driver);
    }

    [LinuxTheory]
    [InlineData(0U)]
    [InlineData(2U)]
    [InlineData(uint.MaxValue)]
    public void Only_one_resets(uint value)
    {
        _bed.Start();
        VirtQueueDriver driver = _bed.SetUp(0, First);
        _bed[Register.QueueReset] = value;
        _bed[Register.QueueReset].ShouldBe(0U);
        _bed[Register.QueueReady].ShouldBe(1U);
        _bed.Serve(0, driver);
    }

    [LinuxFact]
    public void Queues_that_are_not_enabled_or_that_there_are_not_do_no_harm()
    {
        // Before anything is negotiated.
        _bed[Register.QueueReset] = 1;
        _bed.Start();
        VirtQueueDriver driver = _bed.SetUp(0, First);
        foreach (uint index in (uint[])[1, 2, 3, 0x8000_0000, uint.MaxValue])
        {
            _bed[Register.QueueSelect] = index;
            _bed[Register.QueueReset] = 1;
            _bed[Register.QueueReset].ShouldBe(0U);
            _bed[Register.QueueReady].ShouldBe(0U);
            _bed.Serve(0, driver);
        }

        // One that was being set up begins anew.
        _bed[Register.QueueSelect] = 1;
        Configure(new VirtQueueLayout(8, Second, Second + 0x1000, Second + 0x2000));
        _bed[Register.QueueReset] = 1;
        _bed[Register.QueueReady] = 1;
        _bed[Register.QueueReady].ShouldBe(0U, "it has no size any more");
        _bed.Start();
        _bed.Serve(1, _bed.SetUp(1, Second));
        _bed.Reset(1);
        _bed.Reset(1);
        _bed.Serve(1, _bed.SetUp(1, Second));
    }

    [LinuxFact]
    public void A_reset_of_the_device_ends_one_of_a_queue()
    {
        _device.Holds = 0;
        _bed.Start();
        _bed.Submit(0, _bed.SetUp(0, First));
        MmioBed.Eventually(() => _device.Held == 1);
        _bed[Register.QueueReset] = 1;
        _bed[Register.QueueReset].ShouldBe(1U);
        Task reset = Task.Run(() => _bed[Register.Status] = 0);
        _device.Release();
        reset.Wait(TimeSpan.FromMinutes(2)).ShouldBeTrue();
        _bed[Register.QueueSelect] = 0;
        (_bed[Register.QueueReset], _bed[Register.QueueReady]).ShouldBe((0U, 0U));
        _device.Holds = -1;
        _bed.Start(VirtioFeatures.Version1);
        _bed.Serve(0, _bed.SetUp(0, First));
    }

    /// <summary>A machine is saved while a queue is reset, after that, and with one in use: the other end goes on with each.</summary>
    [LinuxFact]
    public void Is_saved_and_restored()
    {
        _device.Holds = 0;
        _bed.Start();
        VirtQueueDriver one = _bed.SetUp(0, First);
        VirtQueueDriver other = _bed.SetUp(1, Second);
        _bed.Serve(1, other, MmioBed.Data + 0x1000);
        _bed.Submit(0, one);
        MmioBed.Eventually(() => _device.Held == 1);
        _bed[Register.QueueSelect] = 0;
        _bed[Register.QueueReset] = 1;
        Task pause = Task.Run(_bed.Transport.Pause);
        _device.Release();
        pause.Wait(TimeSpan.FromMinutes(2)).ShouldBeTrue();
        byte[] saved = _bed.Transport.SaveState();

        // The machine itself goes on as well.
        _device.Holds = -1;
        _bed.Transport.Resume();
        _bed.AwaitReset(0);

        var device = new HoldingDevice();
        using (var restored = new MmioBed(device, GuestMemory.Allocate(1 << 20)))
        {
            _bed.Memory.CopyTo(0, restored.Memory, 0, 1 << 20);
            restored.Transport.RestoreState("test", saved);
            restored.Transport.Resume();
            restored[Register.QueueReset].ShouldBe(0U);
            restored[Register.QueueReady].ShouldBe(0U);
            device.AcceptedFeatures.ShouldBe(VirtioFeatures.Version1);
            restored.Serve(0, restored.SetUp(0, Elsewhere));
            restored[Register.QueueSelect] = 1;
            restored[Register.QueueReady].ShouldBe(1U);
            restored.Reset(1);
            restored.Serve(1, restored.SetUp(1, Second));
        }

        device.LiveHandlers.ShouldBe(0);
        _bed.Serve(0, _bed.SetUp(0, Elsewhere));
        _bed.Serve(1, other);
    }

    /// <summary>Processors that write whatever they like to the registers, all at once: nothing throws, nothing hangs, and the next driver is served.</summary>
    [LinuxFact]
    public void Whatever_drivers_write_the_next_one_is_served()
    {
        int[] registers =
        [
            Register.QueueReset, Register.QueueReset, Register.QueueReset, Register.QueueSelect, Register.QueueReady, Register.QueueNotify, Register.Status,
            Register.DriverFeatures, Register.DriverFeaturesSelect, Register.QueueSize, Register.QueueDescriptorsLow, Register.QueueDriverLow,
            Register.QueueDeviceLow, Register.QueueDeviceHigh, Register.InterruptAcknowledge,
        ];
        uint[] values = [0, 1, 1, 1, 2, 4, 8, 15, 15, 0x10000, 0x12000, 0x14000, 0x7FFFF, 1U << 8, uint.MaxValue];
        _bed.Start();
        Parallel.For(0, 4, processor =>
        {
            var random = new Random(processor);
            for (int i = 0; i < 20_000; i++)
            {
                int register = registers[random.Next(registers.Length)];
                uint value = values[random.Next(values.Length)];
                if (register == Register.Status && random.Next(20) != 0)
                {
                    value = 15;
                }

                _bed[register] = value;
                _bed[registers[random.Next(registers.Length)]].ShouldBeOfType<uint>();
                if (i % 64 == 0)
                {
                    _bed.Memory.Write(0x10000 + (8UL * (uint)random.Next(0x800)), (ulong)random.NextInt64());
                }
            }
        });
        _bed.Memory.Clear(0, 1 << 20);
        for (int i = 0; i < 2; i++)
        {
            _bed.Start();
            _bed.Serve(i, _bed.SetUp(i, First));
            _bed.Reset(i);
            _bed.Serve(i, _bed.SetUp(i, Second));
        }
    }

    private void Configure(VirtQueueLayout layout)
    {
        _bed[Register.QueueSize] = layout.Size;
        _bed[Register.QueueDescriptorsLow] = (uint)layout.DescriptorTable.Value;
        _bed[Register.QueueDriverLow] = (uint)layout.AvailableRing.Value;
        _bed[Register.QueueDeviceLow] = (uint)layout.UsedRing.Value;
    }
}
