using System.Diagnostics;

namespace Hyperspan.Virtio.Tests;

public class VirtQueueNotificationTests
{
    [Fact]
    public void Without_event_index_the_flags_decide()
    {
        using var bed = new QueueBed(VirtQueueFeatures.None);
        bed.Queue.ShouldNotify().ShouldBeTrue("at first, for what an earlier device may have left");
        bed.Queue.ShouldNotify().ShouldBeFalse("nothing was returned");
        Return(bed);
        bed.Queue.ShouldNotify().ShouldBeTrue();
        bed.Memory.WriteUInt16LittleEndian(bed.Layout.AvailableRing, 1);
        Return(bed);
        bed.Queue.ShouldNotify().ShouldBeFalse();
    }

    [Theory]
    [InlineData(0, 1, true)] // asks for the first
    [InlineData(1, 1, false)] // for the second
    [InlineData(1, 3, true)] // which is passed on the way to the third
    [InlineData(3, 3, false)]
    [InlineData(0xFFFF, 3, false)]
    public void With_event_index_the_index_decides(ushort usedEvent, int returned, bool notify)
    {
        using var bed = new QueueBed(VirtQueueFeatures.EventIndex);
        bed.Queue.ShouldNotify();
        bed.Memory.WriteUInt16LittleEndian(bed.UsedEvent, usedEvent);
        for (int i = 0; i < returned; i++)
        {
            Return(bed);
        }

        bed.Queue.ShouldNotify().ShouldBe(notify);
        bed.Queue.ShouldNotify().ShouldBeFalse();
    }

    [Theory]
    [InlineData(VirtQueueFeatures.None)]
    [InlineData(VirtQueueFeatures.EventIndex)]
    public void What_was_returned_before_a_queue_broke_is_announced_once(VirtQueueFeatures features)
    {
        using var bed = new QueueBed(features);
        bed.Queue.ShouldNotify();
        Return(bed);
        bed.Queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, 0));
        bed.Queue.ShouldNotify().ShouldBeTrue("a chain was returned");
        bed.Queue.ShouldNotify().ShouldBeFalse();

        using var idle = new QueueBed(features);
        idle.Queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, 0));
        idle.Queue.ShouldNotify().ShouldBeFalse("nothing was returned");
    }

    [Fact]
    public void The_device_asks_by_flags()
    {
        using var bed = new QueueBed(VirtQueueFeatures.None);

        // As an earlier device that was killed may leave it.
        bed.Memory.WriteUInt16LittleEndian(bed.Layout.UsedRing, 1);
        bed.Queue.EnableNotifications().ShouldBeFalse();
        Flags().ShouldBe((ushort)0);
        bed.Queue.DisableNotifications();
        Flags().ShouldBe((ushort)1);
        bed.Offer(0);
        bed.Queue.EnableNotifications().ShouldBeTrue("a chain came meanwhile");
        Flags().ShouldBe((ushort)0);

        ushort Flags() => bed.Memory.ReadUInt16LittleEndian(bed.Layout.UsedRing);
    }

    [Fact]
    public void The_device_asks_by_event_index()
    {
        using var bed = new QueueBed(VirtQueueFeatures.EventIndex);
        bed.Queue.EnableNotifications().ShouldBeFalse();
        Event().ShouldBe((ushort)0);
        Return(bed);
        bed.Queue.DisableNotifications();
        bed.Queue.EnableNotifications().ShouldBeFalse();
        Event().ShouldBe((ushort)1);
        bed.Memory.ReadUInt16LittleEndian(bed.Layout.UsedRing).ShouldBe((ushort)0, "flags stay zero with event indices");
        bed.Offer(0);
        bed.Queue.EnableNotifications().ShouldBeTrue();

        ushort Event() => bed.Memory.ReadUInt16LittleEndian(bed.AvailableEvent);
    }

    [Fact]
    public void An_available_index_that_is_wrong_is_found_while_enabling()
    {
        using var bed = new QueueBed();
        bed.Memory.WriteUInt16LittleEndian(bed.AvailableIndex, 100);
        bed.Queue.EnableNotifications().ShouldBeFalse();
        bed.Queue.IsBroken.ShouldBeTrue();
    }

    /// <summary>
    /// Two threads that only wake each other when they are asked to. A fence that is missing on either side, or a re-check, shows as both of them waiting for ever,
    /// which the limit turns into a failure.
    /// </summary>
    [Theory]
    [InlineData(VirtQueueFeatures.None, false)]
    [InlineData(VirtQueueFeatures.EventIndex, false)]
    [InlineData(VirtQueueFeatures.None, true)]
    [InlineData(VirtQueueFeatures.EventIndex, true)]
    public void No_wake_up_is_lost(VirtQueueFeatures features, bool pingPong)
    {
        // One chain at a time and a driver that never sleeps: then the device goes to sleep just when the next chain comes, every time.
        int depth = pingPong ? 1 : 4;
        int chains = pingPong ? 1_000_000 : 200_000;

        // On a machine with little to spare fewer rounds have to do; that can only hide an error, not make one.
        var watch = Stopwatch.StartNew();
        TimeSpan enough = TimeSpan.FromSeconds(4);
        using var bed = new QueueBed(features, size: 4);
        using var kick = new SemaphoreSlim(0);
        using var call = new SemaphoreSlim(0);
        TimeSpan limit = TimeSpan.FromMinutes(2);
        Exception? failure = null;
        bool finished = false;
        var device = new Thread(() =>
        {
            try
            {
                var chain = new DescriptorChain();
                while (!Volatile.Read(ref finished))
                {
                    bed.Queue.DisableNotifications();
                    while (bed.Queue.TryTake(chain))
                    {
                        bed.Queue.Complete(chain, 0).ShouldBeTrue();
                        if (bed.Queue.ShouldNotify())
                        {
                            call.Release();
                        }
                    }

                    if (!bed.Queue.EnableNotifications())
                    {
                        kick.Wait(limit).ShouldBeTrue("the device was not woken");
                    }
                }
            }
            catch (Exception e)
            {
                Volatile.Write(ref failure, e);
                call.Release();
            }
        });
        device.Start();

        int added = 0;
        int collected = 0;
        var buffer = new ChainSegment(QueueBed.Buffers, 4);
        while (collected < chains && Volatile.Read(ref failure) is null)
        {
            while (added < chains && added - collected < depth && bed.Driver.TryAdd([buffer], [], out _))
            {
                added++;
            }

            if (bed.Driver.NeedsKick())
            {
                kick.Release();
            }

            bool any = false;
            while (bed.Driver.TryCollect(out VirtQueueCompletion _))
            {
                collected++;
                any = true;
            }

            if (any && collected % 1000 == 0 && watch.Elapsed > enough)
            {
                chains = added;
            }
            else if (!any && pingPong)
            {
                Thread.Yield();
            }
            else if (!any && !bed.Driver.EnableCallbacks())
            {
                call.Wait(limit).ShouldBeTrue("the driver was not woken");
                bed.Driver.DisableCallbacks();
            }
        }

        Volatile.Write(ref finished, true);
        kick.Release();
        device.Join();
        failure.ShouldBeNull();
        collected.ShouldBe(chains);
    }

    private static void Return(QueueBed bed)
    {
        bed.Describe(0, QueueBed.Buffers, 4);
        bed.Offer(0);
        bed.Queue.TryTake(bed.Chain).ShouldBeTrue();
        bed.Queue.Complete(bed.Chain, 0).ShouldBeTrue();
    }
}
