using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Tests;

public sealed class RingSignalTests
{
    // EFD_SEMAPHORE: a read takes one off the count.
    private const int Semaphore = 1;

    [LinuxFact]
    public void A_ring_that_is_reset_keeps_its_events()
    {
        using var ring = new Ring(0);
        ring.Signals.SetCall(EventDescriptor.Create());
        ring.Reset();
        ring.Signals.Call().ShouldBeTrue();
    }

    [LinuxFact]
    public void A_kick_that_is_a_semaphore_does_not_keep_a_thread_busy()
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(memory.Region());
        var driver = new TestDriver(memory.Memory);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        using var kick = new EventDescriptor(new SafeFileHandle(LibC.Eventfd(1u << 30, (OpenFlags)Semaphore | OpenFlags.CloseOnExec | OpenFlags.NonBlocking), ownsHandle: true));
        harness.FrontEnd.SetEvent(VhostUserMessage.SetVringKick, 0, kick.Handle);

        // What a thread that does nothing else takes off the count in a second is millions; this one takes one a millisecond, and some at first.
        ulong before = Left(kick);
        Thread.Sleep(500);
        (before - Left(kick)).ShouldBeLessThan(100_000UL);

        // And it serves all the same.
        driver.Submit(5);
        driver.WaitForAll(queue).ShouldBe([5UL]);
    }

    private static ulong Left(EventDescriptor kick)
    {
        string text = File.ReadAllText($"/proc/self/fdinfo/{(int)kick.Handle.DangerousGetHandle()}");
        string count = text.Split('\n').Single(line => line.StartsWith("eventfd-count:", StringComparison.Ordinal));
        return Convert.ToUInt64(count.Split(':')[1].Trim(), 16);
    }
}
