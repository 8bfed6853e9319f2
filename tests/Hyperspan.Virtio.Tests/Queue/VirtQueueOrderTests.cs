using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Virtio.Tests;

/// <summary>In which order a queue accesses the rings.</summary>
public class VirtQueueOrderTests
{
    [Fact]
    public void The_used_index_comes_after_the_entries_it_covers()
    {
        var backing = new CountingBacking((int)QueueBed.MemorySize);
        using GuestMemory memory = new(backing, "ordered");
        using var bed = new QueueBed(memory: memory);
        for (ushort i = 0; i < 3; i++)
        {
            bed.Describe(i, QueueBed.Buffers, 8, QueueBed.Write);
        }

        bed.Offer(0, 1, 2);
        ulong entries = bed.Layout.UsedRing.Value + 4;
        Take();
        backing.Writes.Clear();
        bed.Queue.Complete(bed.Chain, 8).ShouldBeTrue();
        backing.Writes.ShouldBe([entries, entries + 4, bed.UsedIndex.Value]);

        // Of a batch too, and once for all of it.
        Take();
        Take();
        backing.Writes.Clear();
        bed.Queue.Stage(1, 8).ShouldBeTrue();
        bed.Queue.Stage(2, 8).ShouldBeTrue();
        bed.Queue.Publish().ShouldBeTrue();
        backing.Writes.ShouldBe([entries + 8, entries + 12, entries + 16, entries + 20, bed.UsedIndex.Value]);

        void Take() => bed.Queue.TryTake(bed.Chain).ShouldBeTrue(bed.Queue.Error.ToString());
    }

    [Fact]
    public void One_look_at_the_available_index_serves_the_chains_it_covers()
    {
        var backing = new CountingBacking((int)QueueBed.MemorySize);
        using GuestMemory memory = new(backing, "counted");
        using var bed = new QueueBed(memory: memory);
        for (ushort i = 0; i < 3; i++)
        {
            bed.Describe(i, QueueBed.Buffers, 8);
        }

        bed.Offer(0, 1, 2);
        Array.Clear(backing.Reads);
        for (int i = 0; i < 3; i++)
        {
            bed.Queue.TryTake(bed.Chain).ShouldBeTrue(bed.Queue.Error.ToString());
        }

        backing.Reads[(int)bed.AvailableIndex.Value].ShouldBe(1);
        bed.Queue.TryTake(bed.Chain).ShouldBeFalse();
        backing.Reads[(int)bed.AvailableIndex.Value].ShouldBe(2);
    }

    /// <summary>The fences of the litmus tests, which a lucky machine passes without them.</summary>
    [Fact]
    public void Full_fences_stand_between_a_store_and_the_look_at_the_other_side()
    {
        CallOrder.ShouldBeFenced(
            typeof(VirtQueue), nameof(VirtQueue.EnableNotifications), before: ["WriteAvailableEvent", "WriteUsedFlags"], after: ["FindAvailable"]);
        CallOrder.ShouldBeFenced(
            typeof(VirtQueue), nameof(VirtQueue.ShouldNotify), before: [], after: [nameof(GuestMemory.TryVolatileRead)]);
        CallOrder.ShouldBeFenced(
            typeof(VirtQueueDriver), nameof(VirtQueueDriver.EnableCallbacks), before: [nameof(GuestMemory.VolatileWrite)], after: [nameof(GuestMemory.VolatileRead)]);
        CallOrder.ShouldBeFenced(
            typeof(VirtQueueDriver), nameof(VirtQueueDriver.NeedsKick), before: [], after: [nameof(GuestMemory.VolatileRead)]);
    }

    [Fact]
    public void A_first_notification_is_given_whatever_the_driver_wishes()
    {
        using var bed = new QueueBed(VirtQueueFeatures.None);
        bed.Memory.WriteUInt16LittleEndian(bed.Layout.AvailableRing, 1);
        bed.Queue.ShouldNotify().ShouldBeTrue("an earlier device may have returned chains before the driver wished for none");
        bed.Queue.ShouldNotify().ShouldBeFalse();
    }
}
