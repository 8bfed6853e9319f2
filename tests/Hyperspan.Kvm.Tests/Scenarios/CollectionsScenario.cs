using Hyperspan.Kvm.Tests.Infrastructure;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests.Scenarios;

/// <summary>Collections while processors spin in their guest: none waits for them, and nothing of theirs is collected.</summary>
internal static class CollectionsScenario
{
    internal static void Run()
    {
        using var guest = new GuestProgram(a =>
        {
            Iced.Intel.Label loop = a.CreateLabel();
            a.Label(ref loop);
            a.@lock.inc(__qword_ptr[(long)GuestProgram.Data]);
            a.jmp(loop);
        });
        RunningProcessor[] running = [new(guest.Processor(0)), new(guest.Processor(1))];
        Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > 0, "the guest runs");
        for (int i = 0; i < 200; i++)
        {
            // Garbage that the next one finds.
            _ = new byte[1000][];
            GC.Collect(i % 3, GCCollectionMode.Forced, blocking: true, compacting: true);
        }

        ulong before = guest.Memory.Read<ulong>(GuestProgram.Data);
        Eventually.True(() => guest.Memory.Read<ulong>(GuestProgram.Data) > before, "the guest still runs");
        foreach (RunningProcessor processor in running)
        {
            processor.HasEnded.ShouldBeFalse();
            processor.Stop().Kind.ShouldBe(KvmExitKind.Interrupted);
        }
    }
}
