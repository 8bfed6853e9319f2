using System.Net.Sockets;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>One queue is reset (VIRTIO_F_RING_RESET): the front end stops it and sets it up anew, elsewhere, while the others go on.</summary>
public sealed class QueueResetTests : IDisposable
{
    private const ulong Split = TestDevice.Ring;
    private const ulong Packed = TestDevice.Ring | VirtioFeatures.PackedRing;
    private const ulong RingLength = 0x4000;

    private readonly TestMemory _memory = new(1 << 20);
    private readonly List<HoldingHandler> _handlers = [];

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void It_is_offered_where_that_is_asked_for()
    {
        using var without = new Harness();
        (without.FrontEnd.GetFeatures() & VirtioFeatures.RingReset).ShouldBe(0UL);
        using Harness with = NewHarness(Split);
        (with.FrontEnd.GetFeatures() & VirtioFeatures.RingReset).ShouldBe(VirtioFeatures.RingReset);
        (with.FrontEnd.Features & VirtioFeatures.RingReset).ShouldBe(VirtioFeatures.RingReset);
        using VhostUserFrontEndQueue queue = with.FrontEnd.StartQueue(0, new Rings(_memory, Split, 0x1000, 16).Layout);

        // It is the transport's: no device needs to know.
        with.Device.AcknowledgedFeatures.ShouldBe(Split);
    }

    [Theory]
    [InlineData(Split, false)]
    [InlineData(Split, true)]
    [InlineData(Packed, false)]
    [InlineData(Packed, true)]
    public void What_is_in_flight_returns_first_and_the_other_queue_goes_on_meanwhile(ulong features, bool recorded)
    {
        using Harness harness = NewHarness(features);
        using VhostUserInflight? inflight = recorded ? harness.FrontEnd.GetInflight(2, 16) : null;
        if (inflight is not null)
        {
            harness.FrontEnd.SetInflight(inflight);
        }

        var old = new Rings(_memory, features, 0x1000, 16);
        var other = new Rings(_memory, features, 0x2_0000, 16);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, old.Layout);
        using VhostUserFrontEndQueue otherQueue = harness.FrontEnd.StartQueue(1, other.Layout);
        _handlers[1].Serving = static (_, _) => default;
        old.Offer(1);
        old.Offer(2);
        queue.Kick();
        Harness.Eventually(() => _handlers[0].Held.Count == 2, "they are in flight");
        uint at = 0;
        var reset = new Thread(() => at = harness.FrontEnd.StopPackedQueue(0));
        reset.Start();
        Harness.Eventually(() => _handlers[0].Stops > 0, "requests are asked to end");

        // Too late for the old ring; and the other queue's business.
        old.Offer(3);
        queue.Kick();
        for (ulong number = 1000; number < 1100; number++)
        {
            other.Offer(number);
            otherQueue.Kick();
            other.WaitForAll(otherQueue).ShouldBe([number]);
        }

        reset.Join(0).ShouldBeFalse("two requests are in flight");
        _handlers[0].Answer(2);
        _handlers[0].Answer(1);
        reset.Join(Harness.Patience).ShouldBeTrue("the queue is reset");
        old.Collect().ShouldBe([2UL, 1]);
        _handlers[0].IsDisposed.ShouldBeTrue();
        ((ushort)at).ShouldBe((ushort)(features == Packed ? 0x8004 : 2));

        // From now on the memory is somebody else's.
        _memory.Memory.Fill(0x1000, 0x5a, RingLength);
        var fresh = new Rings(_memory, features, 0x4_0000, 8);
        using VhostUserFrontEndQueue again = harness.FrontEnd.StartQueue(0, fresh.Layout);
        _handlers[2].Serving = static (_, _) => default;
        for (ulong number = 4; number < 50; number++)
        {
            fresh.Offer(number);
            again.Kick();
            fresh.WaitForAll(again).ShouldBe([number]);
        }

        other.Offer(1100);
        otherQueue.Kick();
        other.WaitForAll(otherQueue).ShouldBe([1100UL]);
        byte[] bytes = new byte[RingLength];
        _memory.Memory.Read(0x1000, bytes);
        bytes.ShouldAllBe(value => value == 0x5a);
        _handlers[0].Taken.ToArray().ShouldBe([1UL, 2]);
        harness.Log.Count(VhostUserEventKind.Resubmitted).ShouldBe(0);
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    public void Whenever_it_comes_nothing_is_lost_or_done_twice(ulong features)
    {
        using Harness harness = NewHarness(features);
        var other = new Rings(_memory, features, 0x2_0000, 16);
        using VhostUserFrontEndQueue otherQueue = harness.FrontEnd.StartQueue(1, other.Layout);
        _handlers[0].Serving = static (_, _) => default;
        int rounds = 0;
        bool isOver = false;
        var load = new Thread(() =>
        {
            for (ulong number = 0; !Volatile.Read(ref isOver); number++)
            {
                other.Offer(number);
                otherQueue.Kick();
                other.WaitForAll(otherQueue);
                Interlocked.Increment(ref rounds);
            }
        });
        load.Start();
        var random = new Random(3);
        ulong next = 0;
        for (int round = 0; round < 150; round++)
        {
            var rings = new Rings(_memory, features, round % 2 == 0 ? 0x1000UL : 0x4_0000, (ushort)(round % 3 == 0 ? 16 : 32));
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, rings.Layout);
            HoldingHandler handler = _handlers[^1];
            handler.Serving = static async (number, _) =>
            {
                await Task.Yield();
                Thread.SpinWait((int)(number * 7919 % 2000));
            };
            for (int i = random.Next(8); i > 0; i--)
            {
                rings.Offer(next++);
                queue.Kick();
            }

            Thread.SpinWait(random.Next(20_000));
            harness.FrontEnd.StopPackedQueue(0);
            rings.Collect().Order().ShouldBe(handler.Taken.Order());
        }

        Volatile.Write(ref isOver, true);
        load.Join(Harness.Patience).ShouldBeTrue();
        rounds.ShouldBePositive();
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Fact]
    public void A_broken_queue_works_again()
    {
        using Harness harness = NewHarness(Split);
        TestDriver bad = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, bad.Layout);
        bad.Describe(0, 0x9000, 8, flags: 1, next: 0);
        bad.Offer(0);
        queue.Kick();
        queue.WaitForError(Harness.Patience).ShouldBeTrue();
        harness.FrontEnd.StopQueue(0);
        var fresh = new Rings(_memory, Split, 0x4_0000, 16);
        using VhostUserFrontEndQueue again = harness.FrontEnd.StartQueue(0, fresh.Layout);
        _handlers[^1].Serving = static (_, _) => default;
        fresh.Offer(1);
        again.Kick();
        fresh.WaitForAll(again).ShouldBe([1UL]);
        harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(1);
    }

    [Fact]
    public void Only_the_requests_of_the_queue_are_asked_to_end()
    {
        using Harness harness = NewHarness(Split);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, new Rings(_memory, Split, 0x1000, 16).Layout);
        var other = new Rings(_memory, Split, 0x2_0000, 16);
        using VhostUserFrontEndQueue otherQueue = harness.FrontEnd.StartQueue(1, other.Layout);
        other.Offer(7);
        otherQueue.Kick();
        Harness.Eventually(() => _handlers[1].Held.Count == 1, "it is in flight");
        harness.FrontEnd.StopQueue(0);
        _handlers[1].Stops.ShouldBe(0);
        _handlers[1].Answer(7);
        other.WaitForAll(otherQueue).ShouldBe([7UL]);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(VirtioFeatures.PackedRing)]
    public async Task A_disk_keeps_what_was_written_by_a_queue_that_is_reset_again_and_again(ulong ring)
    {
        using var image = new TemporaryFile(1 << 20);
        using var device = new VirtioBlockDevice(image.Path, new VirtioBlockOptions { QueueCount = 2 });
        (Socket backEnd, Socket socket) = VhostUserSocketPair.Create();
        using var connection = new VhostUserConnection(backEnd, device, new VhostUserOptions { OfferQueueReset = true });
        Task<VhostUserEvent> run = connection.RunAsync();
        using (var frontEnd = new VhostUserFrontEnd(socket, Harness.Patience))
        {
            frontEnd.Negotiate(~VirtioFeatures.PackedRing | ring);
            frontEnd.SetMemory(_memory.Region());
            VirtQueueFeatures features = VirtioFeatures.ForQueue(frontEnd.Features);
            VirtioBlockDriver other = NewDisk(frontEnd, 1, 0x2_0000, features, out VhostUserFrontEndQueue otherQueue);
            using (otherQueue)
            {
                for (ulong round = 0; round < 40; round++)
                {
                    VirtioBlockDriver disk = NewDisk(frontEnd, 0, round % 2 == 0 ? 0x1000UL : 0x4_0000, features, out VhostUserFrontEndQueue queue);
                    using (queue)
                    {
                        _memory.Memory.Fill(0x8_0000, (byte)(round + 1), 512);
                        disk.Write(round, 0x8_0000, 512).ShouldBe(BlockStatus.Ok);
                        frontEnd.StopPackedQueue(0);
                        other.Read(round, 0x9_0000, 512).ShouldBe(BlockStatus.Ok);
                        byte[] read = new byte[512];
                        _memory.Memory.Read(0x9_0000, read);
                        read.ShouldAllBe(value => value == (byte)(round + 1));
                    }
                }
            }
        }

        (await run.WaitAsync(Harness.Patience)).Kind.ShouldBe(VhostUserEventKind.Disconnected);
    }

    private VirtioBlockDriver NewDisk(VhostUserFrontEnd frontEnd, int index, ulong at, VirtQueueFeatures features, out VhostUserFrontEndQueue queue)
    {
        _memory.Memory.Clear(at, RingLength);
        var rings = new VirtQueueDriver(_memory.Memory, at, 16, features);
        queue = frontEnd.StartQueue(index, rings.Layout);
        return new VirtioBlockDriver(_memory.Memory, rings, at + 0x8000, new Transport(queue));
    }

    private Harness NewHarness(ulong features)
    {
        var device = new TestDevice(2, features)
        {
            MakeHandler = () =>
            {
                var handler = new HoldingHandler();
                _handlers.Add(handler);
                return handler;
            },
        };
        var harness = new Harness(device, new VhostUserOptions { OfferQueueReset = true });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    private sealed class Transport(VhostUserFrontEndQueue queue) : IVirtQueueTransport
    {
        public void Kick() => queue.Kick();

        public bool Wait() => queue.WaitForCall(Harness.Patience);
    }

    /// <summary>A driver of requests of 8 bytes each way, of either ring.</summary>
    private sealed class Rings
    {
        private readonly TestMemory _memory;
        private readonly VirtQueueDriver _driver;
        private readonly Dictionary<ushort, ulong> _offered = [];
        private readonly ulong _buffers;

        internal Rings(TestMemory memory, ulong features, ulong at, ushort size)
        {
            _memory = memory;
            memory.Memory.Clear(at, RingLength);
            _driver = new VirtQueueDriver(memory.Memory, at, size, VirtioFeatures.ForQueue(features));
            _buffers = at + RingLength;
        }

        internal VirtQueueLayout Layout => _driver.Layout;

        internal void Offer(ulong number)
        {
            ulong at = _buffers + (number % 64 * 16);
            _memory.Memory.Write(at, number);
            _driver.TryAdd([new ChainSegment(at, 8)], [new ChainSegment(at + 8, 8)], out ushort head).ShouldBeTrue();
            _offered.Add(head, number);
        }

        internal List<ulong> Collect()
        {
            var done = new List<ulong>();
            while (_driver.TryCollect(out VirtQueueCompletion completion))
            {
                _offered.Remove(completion.Head, out ulong number).ShouldBeTrue();
                _memory.Memory.Read<ulong>(_buffers + (number % 64 * 16) + 8).ShouldBe(~number);
                done.Add(number);
            }

            return done;
        }

        internal List<ulong> WaitForAll(VhostUserFrontEndQueue queue)
        {
            List<ulong> done = Collect();
            while (_offered.Count != 0)
            {
                (_driver.EnableCallbacks() || queue.WaitForCall(Harness.Patience)).ShouldBeTrue($"{_offered.Count} are not returned");
                done.AddRange(Collect());
            }

            return done;
        }
    }
}
