namespace Hyperspan.Virtio.Tests;

/// <summary>Returning chains, in batches, across the wrap of the indices, with a record of what is in flight.</summary>
public sealed class VirtQueueUsedTests : IDisposable
{
    private readonly QueueBed _bed = new();

    public VirtQueueUsedTests()
    {
        for (ushort i = 0; i < 8; i++)
        {
            _bed.Describe(i, QueueBed.Buffers, 4);
        }
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void A_completed_chain_is_in_the_used_ring()
    {
        _bed.Offer(3);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Queue.Complete(_bed.Chain, 0x12345).ShouldBeTrue();
        Entry(0).ShouldBe((3u, 0x12345u));
        Index().ShouldBe((ushort)1);
        _bed.Queue.UsedIndex.ShouldBe((ushort)1);
        _bed.Queue.InFlight.ShouldBe(0);
    }

    [Fact]
    public void A_batch_is_published_at_once()
    {
        _bed.Offer(3, 1, 2);
        for (int i = 0; i < 3; i++)
        {
            _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        }

        _bed.Queue.Stage(1, 10).ShouldBeTrue();
        _bed.Queue.Stage(3, 30).ShouldBeTrue();
        Index().ShouldBe((ushort)0);
        _bed.Queue.InFlight.ShouldBe(3);
        _bed.Queue.Publish().ShouldBeTrue();
        Index().ShouldBe((ushort)2);
        Entry(0).ShouldBe((1u, 10u));
        Entry(1).ShouldBe((3u, 30u));
        _bed.Queue.InFlight.ShouldBe(1);
        _bed.Queue.Publish().ShouldBeTrue("nothing staged");
        Index().ShouldBe((ushort)2);
    }

    [Fact]
    public void Only_what_was_taken_can_be_returned() =>
        Should.Throw<InvalidOperationException>(() => _bed.Queue.Complete(0, 0));

    [Fact]
    public void Indices_wrap()
    {
        for (int i = 0; i < 70_000; i++)
        {
            var head = (ushort)(i % 8);
            _bed.Offer(head);
            _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
            _bed.Chain.Head.ShouldBe(head);
            _bed.Queue.Complete(head, (uint)i).ShouldBeTrue();
            Entry(i % 8).ShouldBe((head, (uint)i));
        }

        _bed.Queue.NextAvailable.ShouldBe((ushort)(70_000 - 65_536));
        Index().ShouldBe((ushort)(70_000 - 65_536));
    }

    [Fact]
    public void A_queue_goes_on_where_an_earlier_one_stopped()
    {
        _bed.Offer(0, 1, 2);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Queue.Complete(_bed.Chain, 7).ShouldBeTrue();

        var next = new VirtQueue(_bed.Memory, _bed.Layout, _bed.Queue.Features, _bed.Queue.NextAvailable);
        next.UsedIndex.ShouldBe((ushort)1, "read from the ring");
        next.TryTake(_bed.Chain).ShouldBeTrue();
        _bed.Chain.Head.ShouldBe((ushort)1);
        next.Complete(_bed.Chain, 8).ShouldBeTrue();
        Entry(1).ShouldBe((1u, 8u));
        Index().ShouldBe((ushort)2);
        new VirtQueue(_bed.Memory, _bed.Layout, usedIndex: 77).UsedIndex.ShouldBe((ushort)77);
    }

    [Fact]
    public void Resubmitted_chains_come_first()
    {
        _bed.Offer(0, 1);
        var log = new Log(_bed);
        _bed.Queue.InflightTracker = log;
        _bed.Queue.Resubmit([5, 4]);
        _bed.Queue.PendingResubmissions.ToArray().ShouldBe([5, 4]);
        Take().ShouldBe((ushort)5);
        _bed.Queue.Resubmit([6]);
        Take().ShouldBe((ushort)4);
        Take().ShouldBe((ushort)6);
        _bed.Queue.NextAvailable.ShouldBe((ushort)0);
        Take().ShouldBe((ushort)0);
        log.Entries.ShouldBe(["taken 0"], "the others are in the record already");
        _bed.Queue.TakeHead(7, _bed.Chain).ShouldBeTrue();
        _bed.Chain.Head.ShouldBe((ushort)7);
        _bed.Queue.NextAvailable.ShouldBe((ushort)1);
        _bed.Queue.TakeHead(8, _bed.Chain).ShouldBeFalse();
        _bed.Queue.Error.Kind.ShouldBe(VirtQueueErrorKind.HeadOutOfRange);
    }

    [Fact]
    public void Nothing_is_missed_when_only_resubmitted_chains_are_left()
    {
        _bed.Queue.Resubmit([5]);
        _bed.Queue.EnableNotifications().ShouldBeTrue();
        Take();
        _bed.Queue.EnableNotifications().ShouldBeFalse();
    }

    [Fact]
    public void The_record_is_kept_in_the_order_that_vhost_user_prescribes()
    {
        var log = new Log(_bed);
        _bed.Queue.InflightTracker = log;
        _bed.Offer(3, 1);
        Take();
        Take();
        _bed.Queue.Stage(1, 0);
        _bed.Queue.Stage(3, 0);
        _bed.Queue.Publish();
        log.Entries.ShouldBe(["taken 3", "taken 1", "completing 1 at 0", "completing 3 at 0", "completed 2 at 2"]);
    }

    private ushort Take()
    {
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue(_bed.Queue.Error.ToString());
        return _bed.Chain.Head;
    }

    private ushort Index() => _bed.Memory.ReadUInt16LittleEndian(_bed.UsedIndex);

    private (uint Head, uint Written) Entry(int index)
    {
        GuestAddress at = _bed.Layout.UsedRing + 4 + (8UL * (uint)index);
        return (_bed.Memory.ReadUInt32LittleEndian(at), _bed.Memory.ReadUInt32LittleEndian(at + 4));
    }

    private sealed class Log(QueueBed bed) : IInflightTracker
    {
        internal List<string> Entries { get; } = [];

        public void OnTaken(ushort head) => Entries.Add($"taken {head}");

        public void OnCompleting(ushort head) => Entries.Add($"completing {head} at {Index}");

        public void OnCompleted(ushort usedIndex) => Entries.Add($"completed {usedIndex} at {Index}");

        private ushort Index => bed.Memory.ReadUInt16LittleEndian(bed.UsedIndex);
    }
}
