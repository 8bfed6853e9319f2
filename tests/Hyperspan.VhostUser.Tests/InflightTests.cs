using Hyperspan.Interop.Linux;
using Hyperspan.Virtio;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Requests in flight survive a back end: none is lost, none is returned twice, and they are done again in the order in which they were taken.</summary>
public sealed class InflightTests : IDisposable
{
    private readonly TestMemory _memory = new(1 << 20);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_back_end_that_dies_is_followed_by_one_that_finishes(int batch)
    {
        VhostUserInflight inflight;
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using (Harness first = NewHarness())
        {
            first.Device.Batch = batch;
            first.Device.OnRequest = number => number != 5;
            inflight = first.FrontEnd.GetInflight(1, 64);
            inflight.Length.ShouldBeGreaterThanOrEqualTo(16u + (64 * 16));
            first.FrontEnd.SetInflight(inflight);
            using VhostUserFrontEndQueue queue = first.FrontEnd.StartQueue(0, driver.Layout);
            first.FrontEnd.EnableQueue(0, false);
            for (ulong number = 0; number < 8; number++)
            {
                driver.Submit(number);
            }

            first.FrontEnd.EnableQueue(0, true);
            first.End().Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        }

        List<ulong> done = driver.Reap();
        ulong[] left = batch == 1 ? [5, 6, 7] : [4, 5];
        done.Order().ShouldBe(Enumerable.Range(0, 8).Select(i => (ulong)i).Except(left));

        // What the front end knows by then is the used index.
        using Harness second = NewHarness();
        second.FrontEnd.SetInflight(inflight);
        using VhostUserFrontEndQueue again = second.FrontEnd.StartQueue(0, driver.Layout, driver.Used);
        List<ulong> rest = driver.WaitForAll(again);
        rest.ShouldBe(left);
        second.Device.Taken.ShouldBe(left);
        second.Log.Count(VhostUserEventKind.Resubmitted).ShouldBe(1);

        // From there on it goes on as if nothing had been.
        for (ulong number = 100; number < 150; number++)
        {
            driver.Submit(number);
            again.Kick();
            driver.WaitForAll(again).ShouldBe([number]);
        }

        second.FrontEnd.StopQueue(0).ShouldBe(driver.Available);
        second.Log.Events.ShouldNotContain(what => what.IsError, second.Log.ToString());
        inflight.Dispose();
    }

    [Fact]
    public void Requests_to_be_done_again_survive_a_change_of_memory_in_between()
    {
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
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
                driver.Submit(number);
            }

            first.FrontEnd.EnableQueue(0, true);
            first.End().Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        }

        driver.Reap().ShouldBeEmpty();
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
            // While a request is being worked on, the table is sent again: the queue stops behind it, with the others still to be done.
            entered.Wait(Harness.Patience).ShouldBeTrue();
            second.FrontEnd.Send(M.SetMemoryTable, [1, 0, 0, 0, 0, 0, 0, 0, .. VhostUserFrontEnd.Payload(_memory.Region().Region)[8..]], 1, _memory.File);
            Thread.Sleep(20);
            go.Release();
            second.FrontEnd.GetFeatures();
        }

        driver.WaitForAll(again).Count.ShouldBe(6);
        second.Device.Completed.ShouldBe((ulong[])[0, 1, 2, 3, 4, 5]);
        second.FrontEnd.StopQueue(0).ShouldBe((ushort)6);
        inflight.Dispose();
    }

    /// <summary>A back end is killed at each point between two stores of the record and the ring, with requests returned one by one and in batches.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Wherever_it_dies_nothing_is_lost_and_nothing_is_returned_twice(int batch)
    {
        int crashes = 0;
        for (int step = 0; ; step++)
        {
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using var record = new GuestMemory(new HeapBacking(4096), "record");
            var returned = new List<ulong>();
            for (ulong number = 0; number < 7; number++)
            {
                driver.Submit(number);
            }

            bool crashed = Work(driver, record, batch, step, returned);
            returned.AddRange(driver.Reap());
            if (crashed)
            {
                crashes++;
                ulong[] left = Enumerable.Range(0, 7).Select(i => (ulong)i).Except(returned).ToArray();
                int before = returned.Count;
                Work(driver, record, batch, int.MaxValue, returned).ShouldBeFalse();
                if (batch == 1)
                {
                    List<ulong> rest = returned[before..];
                    rest.SequenceEqual(left).ShouldBeTrue($"killed at step {step}: {string.Join(' ', rest)} instead of {string.Join(' ', left)}");
                }
            }

            // That none is returned twice, the driver checks.
            returned.Order().SequenceEqual(Enumerable.Range(0, 7).Select(i => (ulong)i)).ShouldBeTrue($"killed at step {step}");
            if (!crashed)
            {
                crashes.ShouldBeGreaterThan(20);
                return;
            }
        }
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(2, 16)]
    [InlineData(1, 0)]
    [InlineData(1, 257)]
    [InlineData(ushort.MaxValue, ushort.MaxValue)]
    public void Wrong_numbers_of_queues_and_descriptors_are_refused(ushort queues, ushort size)
    {
        var description = new InflightDescription { Length = 1 << 20, QueueCount = queues, QueueSize = size };
        byte[] payload = VhostUserFrontEnd.Payload(description);
        InvalidMessageTests.Refused(M.GetInflight, payload, [], "the device has");
        InvalidMessageTests.Refused(M.SetInflight, payload, [_memory.File], "the device has");
    }

    [Theory]
    [InlineData(100, 0, "that takes")]
    [InlineData(0x2_0000, 0x10, "not a multiple of the page size")]
    [InlineData(0x2_0000, 0xf_f000 + 0x1000, "cannot be mapped")]
    [InlineData(0x2_0000, 0x7fff_ffff_f000, "cannot be mapped")]
    [InlineData(ulong.MaxValue, 0xffff_ffff_ffff_f000, "too large")]
    public void Memory_that_does_not_fit_is_refused(ulong length, ulong offset, string reason)
    {
        var description = new InflightDescription { Length = length, Offset = offset, QueueCount = 1, QueueSize = 256 };
        InvalidMessageTests.Refused(M.SetInflight, VhostUserFrontEnd.Payload(description), [_memory.File], reason);
        InvalidMessageTests.Refused(M.SetInflight, VhostUserFrontEnd.Payload(description), [], "no descriptor");
    }

    [Fact]
    public void The_description_may_come_without_padding()
    {
        using Harness harness = NewHarness();
        byte[] payload = VhostUserFrontEnd.Payload(new InflightDescription { QueueCount = 1, QueueSize = 16 });
        harness.FrontEnd.Send(M.GetInflight, payload.AsSpan(0, 20));
        harness.FrontEnd.Receive(M.GetInflight).Length.ShouldBe(20);
        InvalidMessageTests.Refused(M.GetInflight, payload[..21], [], "payload of 21 bytes");
    }

    /// <summary>As QEMU 10 does: it asks for one size, and the driver chooses others; what it gives back has the size that it asked for.</summary>
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 128, true)]
    [InlineData(2, 128, false)]
    [InlineData(2, 64, true)]
    public void The_record_has_room_for_the_largest_ring_whatever_was_asked_for(ushort queues, ushort asked, bool givesAskedSizeBack)
    {
        using var harness = new Harness(new TestDevice(queues));
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        using VhostUserInflight inflight = harness.FrontEnd.GetInflight(queues, asked);
        ushort size = givesAskedSizeBack ? asked : inflight.QueueSize;
        harness.FrontEnd.Send(
            M.SetInflight,
            VhostUserFrontEnd.Payload(new InflightDescription { Length = inflight.Length, QueueCount = queues, QueueSize = size }),
            1,
            inflight.File);
        foreach (ushort ring in (ushort[])[16, 128, 256])
        {
            for (int queue = 0; queue < queues; queue++)
            {
                ShouldServe(harness, queue, ring);
            }
        }

        using var record = new ForeignBacking(inflight.File, 0, inflight.Length);
        using var access = new GuestMemory(record, "record");
        for (int queue = 0; queue < queues; queue++)
        {
            access.Read<ushort>(((ulong)queue * InflightQueue.LengthFor(256, isPacked: false)) + 10).ShouldBe((ushort)256, "room");
        }

        harness.Log.Count(VhostUserEventKind.Untracked).ShouldBe(0);
    }

    [Theory]
    [InlineData(1, 8, 16)]
    [InlineData(1, 128, 256)]
    [InlineData(2, 1, 64)]
    public void A_ring_larger_than_the_record_is_served_without_one_and_that_is_told_once(ushort recorded, ushort room, ushort ring)
    {
        using var harness = new Harness(new TestDevice(2));
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        using var memory = new SharedBacking(InflightMemory.LengthFor(recorded, room, isPacked: false));
        harness.FrontEnd.Send(
            M.SetInflight,
            VhostUserFrontEnd.Payload(new InflightDescription { Length = memory.Length, QueueCount = recorded, QueueSize = room }),
            1,
            memory.Handle);
        for (int round = 0; round < 2; round++)
        {
            ShouldServe(harness, 0, ring);
            ShouldServe(harness, 1, ring);
        }

        harness.Log.Count(VhostUserEventKind.Untracked).ShouldBe(1);
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Fact]
    public void A_record_that_contradicts_the_ring_is_refused()
    {
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        Refused(64, record => record.Write(8, (ushort)2), driver, "unknown version 2");
        Refused(
            64,
            record =>
            {
                record.Write(8, (ushort)1);
                record.Write(16 + (16 * 20), (byte)1);
            },
            driver,
            "names descriptor 20 of 16");
        Refused(
            64,
            record =>
            {
                record.Write(8, (ushort)1);
                record.Write(14, (ushort)(driver.Used - 1));
                record.Write(12, (ushort)16);
            },
            driver,
            "names descriptor 16 of 16");
        Refused(
            64,
            record =>
            {
                record.Write(8, (ushort)1);
                record.Write(14, (ushort)1000);
                record.Write(16, (byte)1);
            },
            driver,
            "behind the used ring");
    }

    [Fact]
    public void A_record_truncated_under_the_device_ends_the_connection()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var record = new TestMemory(0x2000);
            using Harness harness = NewHarness();
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using var inflight = new VhostUserInflight(Duplicate(record), 0x1000, 0x1000, 1, 16);
            harness.FrontEnd.SetInflight(inflight);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            record.Truncate(0);
            driver.Submit(1);
            queue.Kick();
            VhostUserEvent end = harness.End();
            end.Kind.ShouldBe(VhostUserEventKind.MemoryLost, end.ToString());
            end.ToString().ShouldContain("requests in flight");
        });
    }

    [Fact]
    public void A_driver_that_sets_its_ring_up_anew_is_served()
    {
        using Harness harness = NewHarness();
        using VhostUserInflight inflight = harness.FrontEnd.GetInflight(1, 16);
        harness.FrontEnd.SetInflight(inflight);
        for (int round = 0; round < 3; round++)
        {
            // Without telling: the record still has the used index of the round before.
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            for (ulong number = 0; number < 100; number++)
            {
                driver.Submit(number);
                queue.Kick();
                driver.WaitForAll(queue).ShouldBe([number]);
            }

            harness.FrontEnd.StopQueue(0).ShouldBe((ushort)100);
        }
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Works through a ring until it is empty, or the given number of steps has been done.</summary>
    private bool Work(TestDriver driver, GuestMemory record, int batch, int steps, List<ulong> returned)
    {
        var inflight = new SplitInflightQueue(record, 0, 32);
        ushort next = inflight.Recover(_memory.Memory, driver.Layout, VringBase.OfSplit(0)).Available;
        var queue = new VirtQueue(_memory.Memory, driver.Layout, nextAvailable: next) { InflightTracker = new Killer(inflight, steps) };
        inflight.Resubmit(queue);
        var chain = new DescriptorChain();
        try
        {
            while (true)
            {
                var heads = new List<ushort>();
                while (heads.Count < batch && queue.TryTake(chain))
                {
                    chain.Readable.CreateReader().TryRead(out ulong number).ShouldBeTrue();
                    chain.Writable.CreateWriter().TryWrite(~number).ShouldBeTrue();
                    heads.Add(chain.Head);
                }

                if (heads.Count == 0)
                {
                    queue.IsBroken.ShouldBeFalse();
                    inflight.Fault.IsFault.ShouldBeFalse();
                    return false;
                }

                heads.Reverse();
                heads.ForEach(head => queue.Stage(head, 8).ShouldBeTrue());
                queue.Publish().ShouldBeTrue();
                returned.AddRange(driver.Reap());
            }
        }
        catch (KilledException)
        {
            return true;
        }
    }

    private void ShouldServe(Harness harness, int index, ushort size)
    {
        _memory.Memory.Clear(0x1000, TestDriver.Length);
        var driver = new TestDriver(_memory.Memory, 0x1000, size);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(index, driver.Layout);
        driver.Submit(size);
        queue.Kick();
        driver.WaitForAll(queue).ShouldBe([size]);
        harness.FrontEnd.StopQueue(index).ShouldBe((ushort)1);
    }

    private void Refused(ushort size, Action<GuestMemory> prepare, TestDriver driver, string reason)
    {
        using var record = new SharedBacking(0x1000);
        using var access = new GuestMemoryBuilder("record").LeaveBackingsOpen().AddRegion(0, record).Build();
        prepare(access);
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate();
                harness.FrontEnd.SetMemory(_memory.Region());
                byte[] payload = VhostUserFrontEnd.Payload(new InflightDescription { Length = 0x1000, QueueCount = 1, QueueSize = size });
                harness.FrontEnd.Send(M.SetInflight, payload, 1, record.Handle);
                Should.Throw<VhostUserException>(() => harness.FrontEnd.StartQueue(0, driver.Layout));
            },
            M.SetVringKick,
            reason);
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle Duplicate(TestMemory memory)
    {
        int descriptor = LibC.Fcntl(memory.File, FileCommand.DuplicateCloseOnExec, 0);
        return new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
    }

    private Harness NewHarness()
    {
        var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    private sealed class KilledException : Exception;

    /// <summary>Kills before and after each thing that is recorded.</summary>
    private sealed class Killer(SplitInflightQueue inflight, int steps) : IInflightTracker
    {
        private int _left = steps;

        public void OnTaken(ushort head) => Between(() => inflight.OnTaken(head));

        public void OnCompleting(ushort head) => Between(() => inflight.OnCompleting(head));

        public void OnCompleted(ushort usedIndex) => Between(() => inflight.OnCompleted(usedIndex));

        private void Between(Action action)
        {
            Step();
            action();
            Step();
        }

        private void Step()
        {
            if (_left-- == 0)
            {
                throw new KilledException();
            }
        }
    }
}
