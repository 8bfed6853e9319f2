using System.Diagnostics;

using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Scenarios;

/// <summary>Partitions made, run and disposed, one after another; what they took of the system must be given back.</summary>
internal static class PartitionsScenario
{
    internal static void Run()
    {
        // As many as a slow machine makes in a minute, at least a hundred: the time bounds the number, and decides nothing.
        bool isLong = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";
        int rounds = isLong ? 10_000 : 500;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < 10; i++)
        {
            Once(i);
        }

        OpenResources before = OpenResources.Now();
        for (int i = 0; i < rounds && (isLong || i < 100 || watch.Elapsed < TimeSpan.FromMinutes(1)); i++)
        {
            Once(i);
        }

        // Address ranges of memories wait for their finalizers.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        OpenResources.Now().ShouldBe(before);
    }

    private static void Once(int round)
    {
        using var memory = new GuestMemory(new SharedBacking(GuestProgram.Size, new SharedBackingOptions { Name = "leak" }), "leak");
        using var guest = new GuestProgram(
            a =>
            {
                a.mov(dx, 0x3f8);
                a.@out(dx, al);
                a.hlt();
            },
            new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop, InterruptController = round % 2 == 0 },
            memory);
        using var bell = new EventFile();
        IDisposable registration = guest.Partition.RegisterDoorbell(GuestProgram.Device, null, 4, Hyperspan.Devices.DoorbellEvent.FromEventFileDescriptor(bell.Handle));
        using var source = new EventFile();
        if (round % 2 == 0)
        {
            guest.Partition.ConnectInterrupt(source, 5);
        }

        if (round % 3 == 0)
        {
            // Else it goes with the partition.
            registration.Dispose();
        }

        guest.Processor().Run().Kind.ShouldBe(KvmExitKind.Port);
    }
}
