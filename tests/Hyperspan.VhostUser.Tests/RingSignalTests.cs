using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The events by which a ring tells the front end something.</summary>
public class RingSignalTests
{
    [Fact]
    public void A_new_event_is_signalled_for_what_the_old_one_may_have_missed()
    {
        using var stop = EventDescriptor.Create();
        using var signals = new RingSignals();
        EventDescriptor call = EventDescriptor.Create();
        signals.SetCall(call);
        Waiting.For(call.Handle, PollEvents.In, stop, 0, out PollEvents ready).ShouldBeFalse();
        (ready & PollEvents.In).ShouldNotBe(PollEvents.None);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_full_blocking_event_does_not_keep_whoever_sets_or_restores_it(bool restore)
    {
        using var signals = new RingSignals();
        EventDescriptor call = Full();
        EventDescriptor error = Full();
        Task set = Task.Run(() =>
        {
            signals.SetError(error);
            signals.SetCall(call);
            if (restore)
            {
                signals.Restore(isBroken: true);
            }
        });
        bool done = SpinWait.SpinUntil(() => set.IsCompletedSuccessfully, Harness.Patience);
        call.FreeWriter();
        error.FreeWriter();
        done.ShouldBeTrue("it is kept by the event");
    }

    [Fact]
    public void An_empty_blocking_event_does_not_keep_whoever_drains_it()
    {
        using EventDescriptor call = EventDescriptor.Create();
        Block(call);
        Task<bool> drained = Task.Run(call.Drain);
        bool done = SpinWait.SpinUntil(() => drained.IsCompletedSuccessfully, Harness.Patience);
        call.Signal();
        done.ShouldBeTrue("it is kept by the event");
    }

    private static void Block(EventDescriptor descriptor) => LibC.Fcntl(descriptor.Handle, FileCommand.SetFlags, (int)OpenFlags.ReadWrite).ShouldBe(0);

    private static unsafe EventDescriptor Full()
    {
        EventDescriptor descriptor = EventDescriptor.Create();
        ulong most = ulong.MaxValue - 1;

        // SAFETY: eight bytes of this stack.
        LibC.Write(descriptor.Handle, &most, sizeof(ulong)).ShouldBe(sizeof(ulong));
        Block(descriptor);
        return descriptor;
    }
}
