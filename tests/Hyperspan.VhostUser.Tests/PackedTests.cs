using Hyperspan.Virtio;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Packed rings by vhost-user: set up, stopped, moved, taken over.</summary>
public sealed class PackedTests : IDisposable
{
    private const ulong Features = TestDevice.Ring | VirtioFeatures.PackedRing;
    private const ulong Buffers = 0x8_0000;

    private readonly TestMemory _memory = new(1 << 20);
    private readonly Dictionary<ushort, ulong> _offered = [];

    public void Dispose() => _memory.Dispose();

    /// <summary>Of a size that is no power of two, over many laps, each time at another place.</summary>
    [Fact]
    public void A_ring_goes_on_where_it_stopped()
    {
        using Harness harness = NewHarness();
        VirtQueueDriver driver = NewDriver(size: 12);
        uint? at = null;
        for (int round = 0; round < 20; round++)
        {
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout, at);
            for (ulong number = 0; number < (ulong)round; number++)
            {
                Offer(driver, number);
                queue.Kick();
                WaitForAll(driver, queue).ShouldBe([number]);
            }

            at = harness.FrontEnd.StopPackedQueue(0);
            at.ShouldBe(driver.AvailableIndex | ((uint)driver.AvailableIndex << 16));
        }

        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
        harness.Log.ToString().ShouldContain("12 descriptors, packed, at index");
    }

    /// <summary>User-mode Linux says zero for a fresh ring; after one lap that is the true place.</summary>
    [Fact]
    public void Zero_is_the_start_of_a_fresh_ring_and_the_place_after_a_lap()
    {
        using Harness harness = NewHarness();
        VirtQueueDriver driver = NewDriver(size: 4);
        for (int round = 0; round < 2; round++)
        {
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout, nextAvailable: 0);

            // Two chains of two descriptors are a lap.
            for (ulong number = 0; number < 2; number++)
            {
                Offer(driver, number);
                queue.Kick();
                WaitForAll(driver, queue).ShouldBe([number]);
            }

            harness.FrontEnd.StopPackedQueue(0).ShouldBe(round == 0 ? 0U : 0x8000_8000U);
        }
    }

    [Theory]
    [InlineData(0x8000_8010U)]
    [InlineData(0x0010_8000U)]
    public void Places_past_the_ring_are_refused(uint at)
    {
        VirtQueueDriver driver = NewDriver(size: 16);
        using Harness harness = NewHarness();
        Should.Throw<VhostUserException>(() => harness.FrontEnd.StartQueue(0, driver.Layout, at));
        VhostUserEvent end = harness.End();
        end.Kind.ShouldBe(VhostUserEventKind.ProtocolError);
        end.Message.ShouldBe(M.SetVringKick);
        end.ToString().ShouldContain("cannot go on at");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_back_end_that_dies_is_followed_by_one_that_finishes(int batch)
    {
        VhostUserInflight inflight;
        VirtQueueDriver driver = NewDriver(size: 32);
        using (Harness first = NewHarness())
        {
            first.Device.Batch = batch;
            first.Device.OnRequest = number => number != 5;
            inflight = first.FrontEnd.GetInflight(1, 64);
            inflight.Length.ShouldBeGreaterThanOrEqualTo(32u + (256 * 32));
            first.FrontEnd.SetInflight(inflight);
            using VhostUserFrontEndQueue queue = first.FrontEnd.StartQueue(0, driver.Layout);
            first.FrontEnd.EnableQueue(0, false);
            for (ulong number = 0; number < 8; number++)
            {
                Offer(driver, number);
            }

            first.FrontEnd.EnableQueue(0, true);
            first.End().Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        }

        List<ulong> done = Collect(driver);
        ulong[] left = batch == 1 ? [5, 6, 7] : [4, 5];
        done.Order().ShouldBe(Enumerable.Range(0, 8).Select(i => (ulong)i).Except(left));

        // The front end knows nothing but where the ring began.
        using Harness second = NewHarness();
        second.FrontEnd.SetInflight(inflight);
        using VhostUserFrontEndQueue again = second.FrontEnd.StartQueue(0, driver.Layout);
        WaitForAll(driver, again).ShouldBe(left);
        second.Device.Taken.ShouldBe(left);
        second.Log.Count(VhostUserEventKind.Resubmitted).ShouldBe(1);
        for (ulong number = 100; number < 150; number++)
        {
            Offer(driver, number);
            again.Kick();
            WaitForAll(driver, again).ShouldBe([number]);
        }

        second.FrontEnd.StopPackedQueue(0).ShouldBe(driver.AvailableIndex | ((uint)driver.AvailableIndex << 16));
        second.Log.Events.ShouldNotContain(what => what.IsError, second.Log.ToString());
        inflight.Dispose();
    }

    /// <summary>A front end that was told where the ring stopped may set it up anew: the record does not count then.</summary>
    [Fact]
    public void A_driver_that_sets_its_ring_up_anew_is_served()
    {
        using Harness harness = NewHarness();
        using VhostUserInflight inflight = harness.FrontEnd.GetInflight(1, 16);
        harness.FrontEnd.SetInflight(inflight);
        for (int round = 0; round < 3; round++)
        {
            VirtQueueDriver driver = NewDriver(size: 16);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            for (ulong number = 0; number < 9; number++)
            {
                Offer(driver, number);
                queue.Kick();
                WaitForAll(driver, queue).ShouldBe([number]);
            }

            harness.FrontEnd.StopPackedQueue(0);
        }
    }

    [Fact]
    public void Requests_to_be_done_again_survive_a_change_of_memory_in_between()
    {
        VirtQueueDriver driver = NewDriver(size: 16);
        VhostUserInflight inflight;
        using (Harness first = NewHarness())
        {
            first.Device.Batch = 6;
            first.Device.OnRequest = _ => false;
            inflight = first.FrontEnd.GetInflight(1, 16);
            first.FrontEnd.SetInflight(inflight);
            using VhostUserFrontEndQueue queue = first.FrontEnd.StartQueue(0, driver.Layout);
            first.FrontEnd.EnableQueue(0, false);
            for (ulong number = 0; number < 6; number++)
            {
                Offer(driver, number);
            }

            first.FrontEnd.EnableQueue(0, true);
            first.End().Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        }

        using Harness second = NewHarness();
        using var entered = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        second.Device.OnRequest = _ =>
        {
            entered.Release();
            return go.Wait(Harness.Patience);
        };
        second.FrontEnd.SetInflight(inflight);
        using VhostUserFrontEndQueue again = second.FrontEnd.StartQueue(0, driver.Layout);
        for (int i = 0; i < 6; i++)
        {
            entered.Wait(Harness.Patience).ShouldBeTrue();
            second.FrontEnd.Send(M.SetMemoryTable, [1, 0, 0, 0, 0, 0, 0, 0, .. VhostUserFrontEnd.Payload(_memory.Region().Region)[8..]], 1, _memory.File);
            Thread.Sleep(20);
            go.Release();
            second.FrontEnd.GetFeatures();
        }

        WaitForAll(driver, again).Count.ShouldBe(6);
        second.Device.Completed.ShouldBe((ulong[])[0, 1, 2, 3, 4, 5]);
        inflight.Dispose();
    }

    /// <summary>Memory that was asked for before packed rings were agreed on has no room for their records.</summary>
    [Fact]
    public void A_record_for_split_rings_is_not_used()
    {
        using var harness = new Harness(new TestDevice(1, Features));
        harness.FrontEnd.SetProtocolFeatures(harness.FrontEnd.GetProtocolFeatures());
        harness.FrontEnd.SetOwner();
        using VhostUserInflight inflight = harness.FrontEnd.GetInflight(1, 16);
        harness.FrontEnd.SetInflight(inflight);
        harness.FrontEnd.SetFeatures(harness.FrontEnd.GetFeatures() & ~VhostUserConnection.LogAllBit);
        harness.FrontEnd.SetMemory(_memory.Region());
        VirtQueueDriver driver = NewDriver(size: 16);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        Offer(driver, 1);
        queue.Kick();
        WaitForAll(driver, queue).ShouldBe([1UL]);
        harness.Log.Count(VhostUserEventKind.Untracked).ShouldBe(1);
    }

    private Harness NewHarness()
    {
        var harness = new Harness(new TestDevice(1, Features));
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    private VirtQueueDriver NewDriver(ushort size)
    {
        _offered.Clear();
        return new VirtQueueDriver(_memory.Memory, 0x1000, size, VirtioFeatures.ForQueue(Features));
    }

    private void Offer(VirtQueueDriver driver, ulong number)
    {
        ulong at = Buffers + (number % 256 * 16);
        _memory.Memory.Write(at, number);
        driver.TryAdd([new ChainSegment(at, 8)], [new ChainSegment(at + 8, 8)], out ushort head).ShouldBeTrue();
        _offered.Add(head, number);
    }

    private List<ulong> Collect(VirtQueueDriver driver)
    {
        var done = new List<ulong>();
        while (driver.TryCollect(out VirtQueueCompletion completion))
        {
            _offered.Remove(completion.Head, out ulong number).ShouldBeTrue();
            _memory.Memory.Read<ulong>(Buffers + (number % 256 * 16) + 8).ShouldBe(~number);
            completion.Written.ShouldBe(8U);
            done.Add(number);
        }

        return done;
    }

    private List<ulong> WaitForAll(VirtQueueDriver driver, VhostUserFrontEndQueue queue)
    {
        List<ulong> done = Collect(driver);
        while (_offered.Count != 0)
        {
            (driver.EnableCallbacks() || queue.WaitForCall(Harness.Patience)).ShouldBeTrue($"{_offered.Count} are not returned");
            done.AddRange(Collect(driver));
        }

        return done;
    }
}
