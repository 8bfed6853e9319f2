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
}
