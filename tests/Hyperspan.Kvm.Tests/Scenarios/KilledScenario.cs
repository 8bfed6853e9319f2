using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Scenarios;

/// <summary>Partitions disposed while their processors run in the memory, and the memory with them.</summary>
internal static class KilledScenario
{
    internal static void Run()
    {
        for (int i = 0; i < 50; i++)
        {
            var guest = new GuestProgram(a =>
            {
                Iced.Intel.Label loop = a.CreateLabel();
                a.Label(ref loop);
                a.@lock.inc(__qword_ptr[(long)GuestProgram.Data]);
                a.mov(dx, 0x80);
                a.@out(dx, al);
                a.mov(rax, __qword_ptr[(long)GuestProgram.Data + 0x1000]);
                a.jmp(loop);
            });
            Task<ObjectDisposedException>[] running = [.. Enumerable.Range(0, 2).Select(id => RunToEnd(guest.Processor((uint)id)))];
            Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > 10, "the guest runs");
            if (i % 2 == 0)
            {
                // The memory first: the guest keeps it until the partition is gone.
                guest.Memory.Dispose();
            }

            guest.Dispose();
            Task.WaitAll(running, TimeSpan.FromMinutes(1)).ShouldBeTrue();
        }
    }

    private static Task<ObjectDisposedException> RunToEnd(VirtualProcessor processor) => Task.Factory.StartNew(
        () => Should.Throw<ObjectDisposedException>(() => processor.Run()), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
