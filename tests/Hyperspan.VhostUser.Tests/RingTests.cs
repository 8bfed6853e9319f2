using System.Net.Sockets;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Rings: their order of setting up, starting, stopping, and what a guest can do to them.</summary>
public sealed class RingTests : IDisposable
{
    private readonly TestMemory _memory = new(1 << 20);

    [Fact]
    public void A_ring_is_set_up_in_order()
    {
        TestDriver driver = NewDriver();
        using var queue = new VhostUserFrontEndQueue(0);
        Refused(frontend => frontend.SetEvent(M.SetVringKick, 0, queue.KickHandle), M.SetVringKick, "has no address yet");
        Refused(
            frontend => frontend.SetAddress(0, driver.Layout),
            M.SetVringAddress,
            "has no size yet");
        Refused(
            frontend =>
            {
                frontend.SetVring(M.SetVringSize, 0, 16);
                frontend.SetAddress(0, driver.Layout);
                frontend.ResetDevice();
                frontend.SetVring(M.SetVringSize, 0, 16);
                frontend.SetAddress(0, driver.Layout);
                frontend.SetEvent(M.SetVringKick, 0, queue.KickHandle);
            },
            M.SetVringKick,
            "features have not been set yet");
        InvalidMessageTests.Refused(
            M.SetVringAddress, [.. InvalidMessageTests.Numbers(0, 2), .. new byte[32]], [], "flags 0x2 are unknown");
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate();
                harness.FrontEnd.SetVring(M.SetVringSize, 0, 16);
                harness.FrontEnd.Send(M.SetVringAddress, new byte[40]);
            },
            M.SetVringAddress,
            "there is no shared memory yet");
    }

    [Fact]
    public void A_started_ring_does_not_change()
    {
        TestDriver driver = NewDriver();
        Refused(frontend => Started(frontend, driver, () => frontend.SetVring(M.SetVringSize, 0, 16)), M.SetVringSize, "ring 0 is started");
        Refused(frontend => Started(frontend, driver, () => frontend.SetVring(M.SetVringBase, 0, 0)), M.SetVringBase, "ring 0 is started");
        Refused(
            frontend => Started(frontend, driver, () => frontend.SetAddress(0, driver.Layout with { UsedRing = 0x8000 })),
            M.SetVringAddress,
            "ring 0 is started");
        Refused(
            frontend => Started(frontend, driver, () => frontend.SetFeatures(VirtioFeatures.Version1 | (1UL << 30))),
            M.SetFeatures,
            "features cannot change while a ring is started");
        Refused(
            frontend => Started(frontend, driver, () => frontend.SetProtocolFeatures(VhostUserProtocolFeatures.ReplyAcknowledge)),
            M.SetProtocolFeatures,
            "protocol features cannot change while a ring is started");
        Refused(
            frontend => Started(frontend, driver, () =>
            {
                using VhostUserInflight inflight = frontend.GetInflight(1, 16);
                frontend.SetInflight(inflight);
            }),
            M.SetInflight,
            "a ring is started");

        // What says the same again is no change.
        using Harness harness = NewHarness();
        Started(harness.FrontEnd, driver, () =>
        {
            harness.FrontEnd.SetAddress(0, driver.Layout);
            harness.FrontEnd.SetFeatures(harness.FrontEnd.Features);
        });
    }

    [Theory]
    [InlineData(0x1008, 0x2000, 0x3000, "multiple of 16")]
    [InlineData(0x1000, 0x2001, 0x3000, "multiple of 2")]
    [InlineData(0x1000, 0x2000, 0x3002, "multiple of 4")]
    [InlineData(0xfff80, 0x2000, 0x3000, "not all in shared memory")]
    [InlineData(0x1000, 0xffff0, 0x3000, "not all in shared memory")]
    [InlineData(0x1000, 0x2000, 0xfffc0, "not all in shared memory")]
    public void A_ring_in_a_wrong_place_is_refused(ulong descriptors, ulong available, ulong used, string reason) =>
        Refused(
            frontend =>
            {
                frontend.SetVring(M.SetVringSize, 0, 16);
                frontend.SetAddress(0, new VirtQueueLayout(16, descriptors, available, used));
            },
            M.SetVringAddress,
            reason);

    [Fact]
    public void A_ring_whose_place_wraps_is_refused()
    {
        byte[] payload = new byte[40];
        payload.AsSpan(8, 24).Fill(0xf0);
        payload.AsSpan(8).Fill(0xff);
        Refused(
            frontend =>
            {
                frontend.SetVring(M.SetVringSize, 0, 16);
                frontend.Send(M.SetVringAddress, payload);
            },
            M.SetVringAddress,
            "not all in shared memory");
    }

    [Fact]
    public void A_ring_stops_with_its_index_and_goes_on_from_it()
    {
        using Harness harness = NewHarness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.StopQueue(0).ShouldBe((ushort)0);
        TestDriver driver = NewDriver();
        ushort next = 0;
        for (ulong round = 0; round < 5; round++)
        {
            using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout, next);
            driver.Submit(round);
            queue.Kick();
            driver.WaitForAll(queue).ShouldBe([round]);
            next = frontend.StopQueue(0);
            next.ShouldBe(driver.Available);
            frontend.StopQueue(0).ShouldBe(next);

            // A stopped ring is not looked at.
            driver.Submit(100 + round);
            queue.Kick();
            Thread.Sleep(20);
            driver.Reap().ShouldBeEmpty();
            using VhostUserFrontEndQueue again = frontend.StartQueue(0, driver.Layout, next);
            driver.WaitForAll(again).ShouldBe([100 + round]);
            next = frontend.StopQueue(0);
        }
    }

    [Fact]
    public void A_disabled_ring_rests_and_goes_on_without_a_kick()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        for (ulong number = 0; number < 10; number++)
        {
            harness.FrontEnd.EnableQueue(0, false);
            driver.Submit(number);
            queue.Kick();
            Thread.Sleep(5);
            driver.Reap().ShouldBeEmpty();
            harness.FrontEnd.EnableQueue(0, true);
            driver.WaitForAll(queue).ShouldBe([number]);
        }
    }

    [Fact]
    public void A_ring_that_was_never_enabled_rests()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using var queue = new VhostUserFrontEndQueue(0);
        harness.FrontEnd.SetEvent(M.SetVringCall, 0, queue.CallHandle);
        harness.FrontEnd.SetVring(M.SetVringSize, 0, driver.Layout.Size);
        harness.FrontEnd.SetVring(M.SetVringBase, 0, 0);
        harness.FrontEnd.SetAddress(0, driver.Layout);
        driver.Submit(1);
        queue.Kick();
        harness.FrontEnd.SetEvent(M.SetVringKick, 0, queue.KickHandle);
        harness.FrontEnd.GetFeatures();
        Thread.Sleep(50);
        driver.Reap().ShouldBeEmpty();
        harness.FrontEnd.EnableQueue(0, true);
        driver.WaitForAll(queue).ShouldBe([1ul]);
    }

    /// <summary>As QEMU before 7.2 does: protocol features are set, the feature bit for them is not acknowledged.</summary>
    [Theory]
    [InlineData(VhostUserProtocolFeatures.All)]
    [InlineData(VhostUserProtocolFeatures.Config)]
    [InlineData(VhostUserProtocolFeatures.None)]
    public void Without_the_bit_acknowledged_rings_start_enabled_and_can_still_be_disabled(VhostUserProtocolFeatures protocolFeatures)
    {
        using var harness = new Harness();
        harness.FrontEnd.GetFeatures();
        harness.FrontEnd.SetProtocolFeatures(protocolFeatures);
        harness.FrontEnd.SetOwner();
        harness.FrontEnd.SetFeatures(VirtioFeatures.Version1);
        harness.FrontEnd.SetMemory(_memory.Region());
        for (int round = 0; round < 2; round++)
        {
            TestDriver driver = NewDriver();
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            driver.Submit(1);
            queue.Kick();
            driver.WaitForAll(queue).ShouldBe([1ul]);

            harness.FrontEnd.EnableQueue(0, false);
            harness.FrontEnd.GetFeatures();
            driver.Submit(2);
            queue.Kick();
            harness.FrontEnd.GetFeatures();
            driver.Reap().ShouldBeEmpty();
            harness.FrontEnd.EnableQueue(0, true);
            driver.WaitForAll(queue).ShouldBe([2ul]);
            harness.FrontEnd.EnableQueue(0, false);
            harness.FrontEnd.StopQueue(0).ShouldBe((ushort)2);
        }

        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Fact]
    public void Without_a_kick_descriptor_the_ring_is_polled()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        harness.FrontEnd.SetEvent(M.SetVringKick, 0, null);
        harness.FrontEnd.SetEvent(M.SetVringCall, 0, null);
        driver.Submit(1);
        Harness.Eventually(() => driver.Reap().Count == 1, "polled");
        harness.FrontEnd.StopQueue(0).ShouldBe((ushort)1);
    }

    [Fact]
    public void Events_can_be_exchanged_while_requests_run()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        VhostUserFrontEndQueue? last = null;
        for (ulong number = 0; number < 200; number++)
        {
            driver.Submit(number);
            queue.Kick();
            var other = new VhostUserFrontEndQueue(0);
            harness.FrontEnd.SetEvent(M.SetVringCall, 0, other.CallHandle);
            harness.FrontEnd.SetEvent(M.SetVringError, 0, other.ErrorEvent.Handle);
            driver.WaitForAll(other).ShouldBe([number]);
            last?.Dispose();
            last = other;
        }

        last?.Dispose();
    }

    [Fact]
    public void A_broken_ring_is_told_and_the_others_go_on()
    {
        using var harness = new Harness(new TestDevice(2));
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();
        frontend.SetMemory(_memory.Region());
        TestDriver bad = NewDriver();
        TestDriver good = ConversationTests.NewDriver(_memory, 0x1_0000);
        using VhostUserFrontEndQueue badEvents = frontend.StartQueue(0, bad.Layout);
        using VhostUserFrontEndQueue goodEvents = frontend.StartQueue(1, good.Layout);
        bad.Describe(0, 0x9000, 8, flags: 1, next: 0);
        bad.Offer(0);
        badEvents.Kick();
        badEvents.WaitForError(Harness.Patience).ShouldBeTrue();
        Harness.Eventually(() => harness.Log.Count(VhostUserEventKind.RingBroken) == 1, "told");
        harness.Log.ToString().ShouldContain("ring broken: queue 0: virtqueue error in chain 0");
        good.Submit(1);
        goodEvents.Kick();
        good.WaitForAll(goodEvents).ShouldBe([1ul]);
        goodEvents.WaitForError(TimeSpan.Zero).ShouldBeFalse();

        // Disabling, enabling and remapping do not bring it back.
        frontend.EnableQueue(0, false);
        frontend.EnableQueue(0, true);
        frontend.SetMemory(_memory.Region());
        good.Submit(2);
        goodEvents.Kick();
        good.WaitForAll(goodEvents).ShouldBe([2ul]);
        harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(1);
    }

    [Fact]
    public void Resetting_stops_all_rings()
    {
        using Harness harness = NewHarness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        foreach (bool device in (bool[])[false, true])
        {
            frontend.SetFeatures(TestDevice.Ring | (1UL << 30));
            TestDriver driver = NewDriver();
            using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
            driver.Submit(1);
            queue.Kick();
            driver.WaitForAll(queue);
            harness.Device.LiveHandlers.ShouldBe(1);
            if (device)
            {
                frontend.ResetDevice();
            }
            else
            {
                frontend.ResetOwner();
            }

            harness.Device.LiveHandlers.ShouldBe(0);
            frontend.StopQueue(0).ShouldBe((ushort)(device ? 0 : 1));
        }

        harness.Log.Count(VhostUserEventKind.Reset).ShouldBe(1);
    }

    [Fact]
    public void A_handler_that_throws_ends_its_connection_alone()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        harness.Device.OnRequest = _ => throw new InvalidOperationException("out of order");
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        driver.Submit(1);
        queue.Kick();
        VhostUserEvent end = harness.End();
        end.ToString().ShouldContain("device failed: queue 0: out of order");
        end.Exception.ShouldBeOfType<InvalidOperationException>();
    }

    [Fact]
    public void Events_that_a_front_end_fills_and_makes_blocking_do_not_hold_up_the_back_end()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using Harness harness = NewHarness();
            TestDriver driver = NewDriver();
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);

            // The first look at a ring is always announced: an event that is full by then would keep the worker before there is a request.
            driver.Submit(0);
            queue.Kick();
            driver.WaitForAll(queue).ShouldBe([0ul]);
            harness.FrontEnd.EnableQueue(0, false);
            harness.FrontEnd.GetFeatures();
            MakeFullAndBlocking(queue.CallEvent);
            harness.FrontEnd.EnableQueue(0, true);
            using var entered = new ManualResetEventSlim();
            harness.Device.OnRequest = _ =>
            {
                entered.Set();
                return true;
            };
            driver.Submit(1);
            queue.Kick();
            entered.Wait(Harness.Patience).ShouldBeTrue();
            harness.FrontEnd.StopQueue(0).ShouldBe((ushort)2);
        });
    }

    [Fact]
    public void Pipes_serve_as_events_and_a_closed_one_does_no_harm()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        using (var reading = new SafeFileHandle(pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false))
        {
            harness.FrontEnd.SetEvent(M.SetVringKick, 0, reading);
        }

        pipe.DisposeLocalCopyOfClientHandle();
        driver.Submit(1);
        pipe.Write(new byte[8]);
        pipe.Flush();
        driver.WaitForAll(queue).ShouldBe([1ul]);
        pipe.Dispose();
        harness.FrontEnd.StopQueue(0).ShouldBe((ushort)1);
    }

    /// <summary>As user-mode Linux does for calls. One that is full, blocking or closed keeps nobody.</summary>
    [Fact]
    public void Sockets_serve_as_events_and_a_full_or_closed_one_does_no_harm()
    {
        using Harness harness = NewHarness();
        TestDriver driver = NewDriver();
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        (Socket kick, Socket theirKick) = VhostUserSocketPair.Create();
        (Socket call, Socket theirCall) = VhostUserSocketPair.Create();
        using (kick)
        using (theirKick)
        using (call)
        using (theirCall)
        {
            theirCall.Blocking = true;
            Send(harness, M.SetVringKick, theirKick);
            Send(harness, M.SetVringCall, theirCall);
            driver.Submit(1);
            kick.Send(new byte[8]);
            Harness.Eventually(() => driver.Reap().Count == 1, "served");
            call.Poll(Harness.Patience, SelectMode.SelectRead).ShouldBeTrue();

            theirCall.Blocking = false;
            Should.Throw<SocketException>(() =>
            {
                while (true)
                {
                    theirCall.Send(new byte[4096]);
                }
            });
            theirCall.Blocking = true;
            driver.Submit(2);
            kick.Send(new byte[8]);
            Harness.Eventually(() => driver.Reap().Count == 1, "served though the call is full");
            call.Dispose();
            driver.Submit(3);
            kick.Send(new byte[8]);
            Harness.Eventually(() => driver.Reap().Count == 1, "served though the call is closed");
        }

        harness.FrontEnd.StopQueue(0).ShouldBe((ushort)3);
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    public void Dispose() => _memory.Dispose();

    private static void Send(Harness harness, M message, Socket socket)
    {
        harness.FrontEnd.Send(message, VhostUserFrontEnd.Payload(0UL), 1, socket.SafeHandle);
        harness.FrontEnd.GetFeatures();
    }

    private static unsafe void MakeFullAndBlocking(EventDescriptor what)
    {
        // The back end signals a new event once, and may do so between the two.
        ulong full = ulong.MaxValue - 1;
        do
        {
            what.Drain();
        }
        while (LibC.Write(what.Handle, &full, 8) != 8);
        int flags = LibC.Fcntl(what.Handle, FileCommand.GetFlags, 0);
        LibC.Fcntl(what.Handle, FileCommand.SetFlags, flags & ~(int)OpenFlags.NonBlocking).ShouldBe(0);
    }

    private TestDriver NewDriver() => ConversationTests.NewDriver(_memory, 0x1000);

    private Harness NewHarness()
    {
        var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    private static void Started(VhostUserFrontEnd frontend, TestDriver driver, Action action)
    {
        using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
        action();
    }

    private void Refused(Action<VhostUserFrontEnd> action, M message, string reason) => InvalidMessageTests.Refused(
        harness =>
        {
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(_memory.Region());
            Record.Exception(() => action(harness.FrontEnd)).ShouldBeAssignableTo<IOException?>();
        },
        message,
        reason);
}
