using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>Bringing a processor back from its guest, from another thread.</summary>
public sealed class InterruptionTests
{
    /// <summary>Writes to a port, and halts.</summary>
    private static GuestProgram Writing() => new(a =>
    {
        a.mov(dx, 0x3f8);
        a.@out(dx, al);
        a.hlt();
    });

    private static GuestProgram Spinning() => new(a =>
    {
        Iced.Intel.Label loop = a.CreateLabel();
        a.Label(ref loop);
        a.@lock.inc(__qword_ptr[(long)GuestProgram.Data]);
        a.jmp(loop);
    });

    [SkippableFact]
    public void A_request_before_the_run_ends_it_at_once_and_the_next_run_goes_on()
    {
        using GuestProgram guest = Spinning();
        VirtualProcessor processor = guest.Processor();
        processor.Interrupt();
        processor.Interrupt();
        processor.Run().Kind.ShouldBe(KvmExitKind.Interrupted);
        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBe(0UL);
        var running = new RunningProcessor(processor);
        Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > 0, "the guest runs");
        running.HasEnded.ShouldBeFalse();
        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
    }

    [SkippableFact]
    public void A_cancelled_run_ends_and_the_next_goes_on()
    {
        using GuestProgram guest = Spinning();
        VirtualProcessor processor = guest.Processor();
        for (int i = 0; i < 50; i++)
        {
            using var cancellation = new CancellationTokenSource();
            ulong before = guest.Memory.Read<ulong>(GuestProgram.Data);
            Task run = Task.Run(() => Should.Throw<OperationCanceledException>(() => processor.Run(cancellation.Token)).CancellationToken.ShouldBe(cancellation.Token));
            Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > before, $"the guest runs for the time {i}");
            cancellation.Cancel();
            run.Wait(TimeSpan.FromMinutes(1)).ShouldBeTrue();
            Should.Throw<OperationCanceledException>(() => processor.Run(cancellation.Token));
        }

        using var late = new CancellationTokenSource();
        processor.Interrupt();
        processor.Run(late.Token).Kind.ShouldBe(KvmExitKind.Interrupted);
        Task disposed = Task.Run(() => Should.Throw<ObjectDisposedException>(() => processor.Run(late.Token)));
        Eventually.True(() => processor.IsRunning, "it runs again");
        processor.Dispose();
        disposed.Wait(TimeSpan.FromMinutes(1)).ShouldBeTrue();
        late.Cancel();
    }

    [SkippableFact]
    public void Each_request_of_a_storm_brings_it_back()
    {
        using GuestProgram guest = Spinning();
        VirtualProcessor processor = guest.Processor();
        int returned = 0;
        bool stop = false;
        Thread thread = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                processor.Run().Kind.ShouldBe(KvmExitKind.Interrupted);
                Interlocked.Increment(ref returned);
            }
        });
        thread.Start();
        for (int i = 0; i < 3000; i++)
        {
            int before = Volatile.Read(ref returned);
            processor.Interrupt();
            Eventually.True(() => Volatile.Read(ref returned) > before, $"request {i} brought it back");
        }

        Volatile.Write(ref stop, true);
        processor.Interrupt();
        thread.Join(TimeSpan.FromMinutes(1)).ShouldBeTrue();
        guest.Memory.Read<ulong>(GuestProgram.Data).ShouldBeGreaterThan(0UL);
    }

    [SkippableFact]
    public void A_signal_that_is_not_ours_does_not_bring_it_back()
    {
        using GuestProgram guest = Spinning();
        VirtualProcessor processor = guest.Processor();
        var running = new RunningProcessor(processor);
        Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > 0, "the guest runs");

        // The runtime suspends threads by a signal of its own.
        for (int i = 0; i < 20; i++)
        {
            GC.Collect();
        }

        running.HasEnded.ShouldBeFalse();
        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
    }

    [SkippableFact]
    public void A_request_from_a_devices_handler_takes_effect_when_the_access_is_done()
    {
        using var guest = new GuestProgram(a =>
        {
            a.mov(dx, 0x3f8);
            a.@in(al, dx);
            a.hlt();
        });
        VirtualProcessor processor = guest.Processor(ring: 0);
        guest.Partition.Ports.AddHandler(
            new GuestRange(0x3f8, 1),
            (_, data) =>
            {
                data[0] = 0x5a;
                processor.Interrupt();
            },
            (_, _) => { },
            "asks");
        processor.Run().Kind.ShouldBe(KvmExitKind.Interrupted);
        (processor.GetRegisters().Rax & 0xff).ShouldBe(0x5aUL);
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
    }

    [SkippableFact]
    public void A_processor_that_waits_for_an_interrupt_in_the_kernel_comes_back()
    {
        using var guest = new GuestProgram(a => a.hlt(), new KvmPartitionOptions { InterruptController = true });
        var running = new RunningProcessor(guest.Processor(ring: 0));
        Eventually.True(() => running.Processor.Statistics.Entries > 0, "it runs");
        running.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
        running.Processor.GetActivity().ShouldBe(ProcessorActivity.Halted);
    }

    [SkippableFact]
    public void A_device_cannot_dispose_the_processor_that_waits_for_it()
    {
        using GuestProgram guest = Writing();
        VirtualProcessor processor = guest.Processor(ring: 0);
        Exception? thrown = null;
        guest.Partition.Ports.AddHandler(new GuestRange(0x3f8, 1), (_, _) => { }, (_, _) => thrown = Record.Exception(processor.Dispose), "suicidal");
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        thrown.ShouldBeOfType<InvalidOperationException>();
    }

    [SkippableFact]
    public void A_device_that_tries_to_dispose_the_partition_changes_nothing_and_it_is_disposed_all_the_same()
    {
        using GuestProgram guest = Writing();
        VirtualProcessor processor = guest.Processor(ring: 0);
        Exception? thrown = null;
        guest.Partition.Ports.AddHandler(new GuestRange(0x3f8, 1), (_, _) => { }, (_, _) => thrown = Record.Exception(guest.Partition.Dispose), "suicidal");
        processor.Run().Kind.ShouldBe(KvmExitKind.Halt);
        thrown.ShouldBeOfType<InvalidOperationException>().Message.ShouldContain("processor 0 of 'partition'");
        guest.Partition.CreateProcessor(5).Id.ShouldBe(5U);
        guest.Partition.Dispose();
        Should.Throw<ObjectDisposedException>(() => processor.Run());
        guest.Partition.Slots.ShouldBeEmpty();
    }

    /// <summary>Whoever gives the memory away when it returns must not find the guest in it.</summary>
    [SkippableFact]
    public void Whoever_disposes_a_partition_while_another_does_waits_as_well()
    {
        using GuestProgram guest = Writing();
        using ManualResetEventSlim isIn = new(), mayLeave = new();
        guest.Partition.Ports.AddHandler(
            new GuestRange(0x3f8, 1),
            (_, _) => { },
            (_, _) =>
            {
                isIn.Set();
                mayLeave.Wait();
            },
            "slow");
        VirtualProcessor processor = guest.Processor(ring: 0);
        var running = new RunningProcessor(processor);
        isIn.Wait();
        Thread[] disposals = [new(guest.Partition.Dispose), new(guest.Partition.Dispose)];
        foreach (Thread disposal in disposals)
        {
            disposal.Start();
            disposal.Join(100).ShouldBeFalse("the processor has not come back");
        }

        mayLeave.Set();
        Array.ForEach(disposals, static disposal => disposal.Join());
        Should.Throw<AggregateException>(() => running.Wait()).InnerException.ShouldBeOfType<ObjectDisposedException>();
    }

    [SkippableFact]
    public void After_disposal_everything_says_so()
    {
        using GuestProgram guest = Spinning();
        VirtualProcessor processor = guest.Processor();
        processor.Dispose();
        processor.Dispose();
        Should.Throw<ObjectDisposedException>(() => processor.Run());
        Should.Throw<ObjectDisposedException>(processor.Interrupt);
        Should.Throw<ObjectDisposedException>(() => processor.GetRegisters());
        guest.Partition.Processors.ShouldBeEmpty();
        guest.Partition.Dispose();
        Should.Throw<ObjectDisposedException>(() => guest.Partition.CreateProcessor(5));
        Should.Throw<ObjectDisposedException>(() => guest.Partition.Map(guest.Memory));
    }
}
