using System.Diagnostics;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Requests that are completed later, in any order, by any thread: what becomes of them when their queue stops, for each reason there is.</summary>
public sealed class OverlapTests : IDisposable
{
    private readonly TestMemory _memory = new(1 << 20);
    private readonly HoldingHandler _handler = new();

    [Fact]
    public void Requests_are_returned_in_the_order_in_which_they_are_completed()
    {
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        Submit(driver, queue, 1, 2, 3, 4);
        driver.Reap().ShouldBeEmpty();
        foreach (ulong number in (ulong[])[3, 1, 4])
        {
            _handler.Answer(number);
            WaitFor(driver, queue).ShouldBe([number]);
        }

        Submit(driver, queue, 5);
        _handler.Answer(5);
        WaitFor(driver, queue).ShouldBe([5]);
        _handler.Answer(2);
        WaitFor(driver, queue).ShouldBe([2]);
        harness.FrontEnd.StopQueue(0).ShouldBe((ushort)5);
        harness.Connection.Statistics.Requests.ShouldBe(5);
    }

    [Fact]
    public void Many_threads_complete_what_one_queue_has_in_flight()
    {
        _handler.Serving = async (number, _) =>
        {
            await Task.Yield();
            Thread.SpinWait((int)(number * 7919 % 3000));
        };
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        var done = new List<ulong>();
        for (ulong number = 0; number < 20_000; number++)
        {
            while (driver.Outstanding == 8)
            {
                done.AddRange(WaitFor(driver, queue));
            }

            driver.Submit(number);
            queue.Kick();
        }

        done.AddRange(driver.WaitForAll(queue));
        done.Order().ShouldBe(Enumerable.Range(0, 20_000).Select(i => (ulong)i));
        harness.FrontEnd.StopQueue(0).ShouldBe(driver.Available);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("disable")]
    [InlineData("memory")]
    [InlineData("kick")]
    [InlineData("reset")]
    [InlineData("leave")]
    public void A_queue_that_stops_waits_for_what_is_in_flight_and_takes_nothing_more(string reason)
    {
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        Submit(driver, queue, 1, 2);
        Thread end = BeginEnd(harness, queue, reason);
        Harness.Eventually(() => _handler.Stops > 0, "requests are asked to end");
        driver.Submit(3);
        queue.Kick();
        end.Join(50).ShouldBeFalse("two requests are in flight");
        _handler.Answer(2);
        WaitFor(driver, queue).ShouldBe([2]);
        end.Join(50).ShouldBeFalse("a request is in flight");
        _handler.Rests.ShouldBe(0);
        _handler.Answer(1);
        end.Join(Harness.Patience).ShouldBeTrue("it ends");
        WaitFor(driver, queue).ShouldBe([1]);
        _handler.Rests.ShouldBe(1);
        if (reason is "disable" or "memory" or "kick")
        {
            // The same handler goes on.
            harness.FrontEnd.EnableQueue(0, true);
            Harness.Eventually(() => _handler.Held.Contains(3UL), "what came meanwhile is taken");
            _handler.Answer(3);
            WaitFor(driver, queue).ShouldBe([3]);
            harness.FrontEnd.StopQueue(0).ShouldBe((ushort)3);
        }
        else
        {
            _handler.Taken.ShouldBe([1UL, 2UL]);
        }
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("memory")]
    public void A_notification_is_not_taken_back_while_a_queue_waits_for_the_rest(string reason)
    {
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);

        // The one that comes with the event.
        queue.WaitForCall(Harness.Patience).ShouldBeTrue();
        Submit(driver, queue, 1, 2);
        Thread end = BeginEnd(harness, queue, reason);
        Harness.Eventually(() => _handler.Stops > 0, "requests are asked to end");
        _handler.Answer(2);

        // Long enough for whoever stops the queue to have looked several times whether its thread is kept in a signal.
        end.Join(300).ShouldBeFalse("a request is in flight");
        queue.WaitForCall(Harness.Patience).ShouldBeTrue();
        driver.Reap().ShouldBe([2]);
        _handler.Answer(1);
        end.Join(Harness.Patience).ShouldBeTrue("it ends");
    }

    [Fact]
    public void An_asynchronous_handler_is_told_that_its_queue_stops()
    {
        var told = new TaskCompletionSource();
        _handler.Serving = async (_, stopping) =>
        {
            using CancellationTokenRegistration registration = stopping.Register(told.SetResult);
            await told.Task;
        };
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        driver.Submit(9);
        queue.Kick();
        Harness.Eventually(() => !_handler.Taken.IsEmpty, "it is taken");
        told.Task.IsCompleted.ShouldBeFalse();
        harness.FrontEnd.StopQueue(0).ShouldBe((ushort)1);
        driver.Reap().ShouldBe([9]);
    }

    [Fact]
    public void A_handler_whose_task_fails_ends_its_connection_when_the_other_requests_have_returned()
    {
        var first = new TaskCompletionSource();
        _handler.Serving = async (number, _) =>
        {
            await first.Task;
            if (number == 1)
            {
                throw new InvalidOperationException("no more paper");
            }
        };
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        driver.Submit(1);
        driver.Submit(2);
        queue.Kick();
        Harness.Eventually(() => _handler.Taken.Count == 2, "both are taken");
        first.SetResult();
        VhostUserEvent end = harness.End();
        end.Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        end.Text.ShouldContain("no more paper");
        driver.Reap().ShouldBe([2]);
        _handler.IsDisposed.ShouldBeTrue();
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("memory")]
    [InlineData("leave")]
    public void A_request_that_never_returns_is_named_and_does_not_hold_the_next_front_end(string reason)
    {
        var options = new VhostUserOptions { StopTimeout = TimeSpan.FromMilliseconds(200) };
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        VhostUserFrontEndQueue queue;
        using (Harness harness = NewHarness(options))
        {
            queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            Submit(driver, queue, 1, 2);
            long start = Stopwatch.GetTimestamp();
            BeginEnd(harness, queue, reason).Join(Harness.Patience).ShouldBeTrue("the front end is not held");
            harness.End();
            Stopwatch.GetElapsedTime(start).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(190));
            VhostUserEvent failure = harness.Log.Events.Single(what => what.Kind == VhostUserEventKind.DeviceFailed);
            failure.Text.ShouldContain("queue 0 cannot be stopped: request 0 (8 bytes to the device, 8 from it), for ");
            failure.Text.ShouldContain("request 2 (");
            _handler.IsAbandoned.ShouldBeTrue();
            _handler.IsDisposed.ShouldBeFalse("requests are still under way");
        }

        // Meanwhile somebody else is served.
        var other = new HoldingHandler();
        using (var harness = new Harness(new TestDevice { MakeHandler = () => other }))
        {
            harness.FrontEnd.Negotiate();
            using var memory = new TestMemory(1 << 20);
            harness.FrontEnd.SetMemory(memory.Region());
            TestDriver next = ConversationTests.NewDriver(memory, 0x1000);
            using VhostUserFrontEndQueue events = harness.FrontEnd.StartQueue(0, next.Layout);
            next.Submit(7);
            events.Kick();
            Harness.Eventually(() => other.Held.Contains(7UL), "it is taken");
            other.Answer(7);
            WaitFor(next, events).ShouldBe([7]);

            // And when they return after all, they reach nobody and harm nothing.
            _handler.Answer(1);
            _handler.Answer(2);
            Harness.Eventually(() => _handler.IsDisposed, "the thread ends");
            driver.Reap().ShouldBeEmpty();
            next.Submit(8);
            events.Kick();
            Harness.Eventually(() => other.Held.Contains(8UL), "it is taken");
            other.Answer(8);
            WaitFor(next, events).ShouldBe([8]);
        }

        queue.Dispose();
    }

    [Fact]
    public void What_was_not_completed_when_a_back_end_died_is_done_again_and_nothing_else()
    {
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        var options = new VhostUserOptions { StopTimeout = TimeSpan.FromMilliseconds(1) };
        using Harness first = NewHarness(options);
        using VhostUserInflight inflight = first.FrontEnd.GetInflight(1, 64);
        first.FrontEnd.SetInflight(inflight);
        using VhostUserFrontEndQueue queue = first.FrontEnd.StartQueue(0, driver.Layout);
        Submit(driver, queue, 0, 1, 2, 3, 4, 5);
        foreach (ulong number in (ulong[])[4, 1, 3])
        {
            _handler.Answer(number);
            WaitFor(driver, queue).ShouldBe([number]);
        }

        // From here on the first one does nothing more with memory and record: it might as well have been killed.
        var handler = new HoldingHandler();
        using var second = new Harness(new TestDevice { MakeHandler = () => handler });
        second.FrontEnd.Negotiate();
        second.FrontEnd.SetMemory(_memory.Region());
        second.FrontEnd.SetInflight(inflight);
        using VhostUserFrontEndQueue again = second.FrontEnd.StartQueue(0, driver.Layout, driver.Used);
        Harness.Eventually(() => handler.Held.Count == 3, "they are taken again");
        handler.Taken.ShouldBe([0UL, 2UL, 5UL]);
        foreach (ulong number in (ulong[])[5, 0, 2])
        {
            handler.Answer(number);
        }

        driver.WaitForAll(again).Order().ShouldBe([0UL, 2UL, 5UL]);
        second.FrontEnd.StopQueue(0).ShouldBe((ushort)6);
        first.FrontEnd.Dispose();
        first.End();
        foreach (ulong number in (ulong[])[0, 2, 5])
        {
            _handler.Answer(number);
        }

        Harness.Eventually(() => _handler.IsDisposed, "the thread ends");
    }

    [Fact]
    public void In_flight_are_as_many_as_the_ring_has_descriptors_and_one_more_breaks_it()
    {
        using Harness harness = NewHarness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        for (ushort head = 0; head < 16; head++)
        {
            driver.Describe(head, 0x8000 + (16UL * head), 8, flags: 0, 0);
            _memory.Memory.Write(0x8000 + (16UL * head), (ulong)head);
            driver.Offer(head);
        }

        queue.Kick();
        Harness.Eventually(() => _handler.Held.Count == 16, "all are taken");
        harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
        driver.Offer(0);
        queue.Kick();
        Harness.Eventually(() => harness.Log.Count(VhostUserEventKind.RingBroken) == 1, "the ring is broken");
        for (ulong number = 0; number < 16; number++)
        {
            _handler.Answer(number);
        }

        harness.FrontEnd.GetFeatures();
    }

    public void Dispose() => _memory.Dispose();

    private static List<ulong> WaitFor(TestDriver driver, VhostUserFrontEndQueue queue)
    {
        List<ulong> done = driver.Reap();
        while (done.Count == 0)
        {
            queue.WaitForCall(Harness.Patience).ShouldBeTrue("no notification");
            done = driver.Reap();
        }

        return done;
    }

    private Harness NewHarness(VhostUserOptions? options = null)
    {
        var harness = new Harness(new TestDevice { MakeHandler = () => _handler }, options);
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    /// <summary>Makes requests available and waits until they are in flight.</summary>
    private void Submit(TestDriver driver, VhostUserFrontEndQueue queue, params ulong[] numbers)
    {
        foreach (ulong number in numbers)
        {
            driver.Submit(number);
        }

        queue.Kick();
        Harness.Eventually(() => numbers.All(_handler.Held.Contains), "they are taken");
    }

    private Thread BeginEnd(Harness harness, VhostUserFrontEndQueue queue, string reason)
    {
        var thread = new Thread(() =>
        {
            try
            {
                End(harness, queue, reason);
            }
            catch (VhostUserException)
            {
                // The connection was closed instead of an answer.
            }
        });
        thread.Start();
        return thread;
    }

    private void End(Harness harness, VhostUserFrontEndQueue queue, string reason)
    {
        switch (reason)
        {
            case "stop":
                harness.FrontEnd.StopQueue(0);
                break;
            case "disable":
                harness.FrontEnd.EnableQueue(0, false);
                break;
            case "memory":
                harness.FrontEnd.SetMemory(_memory.Region());
                break;
            case "kick":
                harness.FrontEnd.SetEvent(M.SetVringKick, 0, queue.KickHandle);
                break;
            case "reset":
                harness.FrontEnd.ResetDevice();
                break;
            default:
                harness.FrontEnd.Dispose();
                harness.End();
                break;
        }
    }
}
