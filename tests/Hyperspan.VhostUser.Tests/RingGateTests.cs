using Hyperspan.Translation;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>What a queue remembers of translations, and who takes them away meanwhile.</summary>
public class RingGateTests
{
    private const ulong Page = GuestAddress.PageSize;

    private static readonly VirtQueueLayout Layout = new(16, 0x10_0000, 0x10_1000, 0x10_2000);

    /// <summary>What is taken away is used by nobody, and what is used is not taken away: two threads, as fast as they can.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Nothing_is_taken_away_that_is_in_use(int buffers)
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, TimeSpan.FromHours(1));
        var gate = new RingGate(iotlb, Layout, VirtQueueFeatures.None);
        iotlb.IsInUse = (first, last) =>
        {
            bool isUsed = gate.Uses(first, last);

            // Time for the other thread to begin, after it was seen not to use anything.
            Thread.SpinWait(isUsed ? 0 : 20);
            return isUsed;
        };
        for (ulong i = 0; i < 4; i++)
        {
            Give(iotlb, i);
        }

        int uses = 0;
        long taken = 0;
        long removed = 0;
        long refused = 0;
        using var stop = new CancellationTokenSource();
        Task queue = Task.Run(() =>
        {
            for (ushort head = 0; !stop.IsCancellationRequested; head = (ushort)((head + 1) % 16))
            {
                bool isReachable = true;
                for (int i = 0; i < buffers; i++)
                {
                    isReachable &= gate.IsReachable((ulong)i * Page, 64, isWritable: i == 2);
                }

                if (!isReachable)
                {
                    gate.OnLeft();
                    continue;
                }

                // From here on until it is returned nothing of it goes.
                Volatile.Write(ref uses, 1);
                gate.OnTaken(head);
                Interlocked.Increment(ref taken);
                Thread.SpinWait(50);
                Volatile.Write(ref uses, 0);
                gate.OnReturned(head);

                // Not in use, but remembered: the moment that matters.
                Thread.SpinWait(20);
            }
        });
        try
        {
            for (int i = 0; i < 50_000 || removed < 1000 || Interlocked.Read(ref taken) < 1000; i++)
            {
                ulong page = (ulong)(i % buffers);
                if (iotlb.TryRemove(page * Page, (page * Page) + Page - 1))
                {
                    Volatile.Read(ref uses).ShouldBe(0, "what was in use was taken away");
                    removed++;
                    Give(iotlb, page);
                }
                else
                {
                    refused++;
                }

                // Some that nobody uses: what is remembered becomes old all the same.
                if (i % 16 == 0)
                {
                    iotlb.TryRemove(3 * Page, (4 * Page) - 1).ShouldBeTrue();
                    Give(iotlb, 3);
                }

                if (queue.IsCompleted)
                {
                    break;
                }
            }
        }
        finally
        {
            stop.Cancel();
        }

        await queue;
        (removed + refused).ShouldBeGreaterThanOrEqualTo(50_000);
    }

    /// <summary>A queue that looks just when it has been seen not to use something asks for it, and does not go by what it remembers.</summary>
    [Fact]
    public void What_is_being_taken_away_is_not_remembered()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, TimeSpan.FromHours(1));
        var gate = new RingGate(iotlb, Layout, VirtQueueFeatures.None);
        Give(iotlb, 0);
        gate.IsReachable(0, 64, isWritable: true).ShouldBeTrue();
        gate.OnLeft();
        bool isReachable = false;
        var queue = new Thread(() => isReachable = gate.IsReachable(0, 64, isWritable: true));
        iotlb.IsInUse = (first, last) =>
        {
            gate.Uses(first, last).ShouldBeFalse();
            queue.Start();

            // It answers, or waits for the lock that this thread has.
            Harness.Eventually(() => !queue.IsAlive || (queue.ThreadState & ThreadState.WaitSleepJoin) != 0, "the queue looks");
            return false;
        };
        iotlb.TryRemove(0, Page - 1).ShouldBeTrue();
        queue.Join();
        isReachable.ShouldBeFalse();
    }

    [Fact]
    public void What_is_remembered_permits_no_more_than_was_found()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, TimeSpan.FromHours(1));
        var gate = new RingGate(iotlb, Layout, VirtQueueFeatures.None);
        iotlb.IsInUse = gate.Uses;
        iotlb.Update(new AddressTranslation(0, 0, Page, Protection.Read));
        for (int i = 0; i < 3; i++)
        {
            Reaches(0, 64, isWritable: false).ShouldBeTrue();
            Reaches(0, 64, isWritable: true).ShouldBeFalse();
            Reaches(Page - 1, 2, isWritable: false).ShouldBeFalse("its second page is missing");
            Reaches(512 * Page, 64, isWritable: false).ShouldBeFalse("another page has the same place");
        }

        // More is permitted, then less, then elsewhere: what was remembered is asked for again.
        Give(iotlb, 0);
        Reaches(0, 64, isWritable: true).ShouldBeTrue();
        iotlb.Update(new AddressTranslation(0, 0, Page, Protection.Read));
        Reaches(0, 64, isWritable: true).ShouldBeFalse();
        Reaches(0, 64, isWritable: false).ShouldBeTrue();
        iotlb.Clear();
        Reaches(0, 64, isWritable: false).ShouldBeFalse();
        Give(iotlb, 0);
        Reaches(0, 64, isWritable: false).ShouldBeTrue();
        iotlb.TryRemove(0, ulong.MaxValue).ShouldBeFalse("the rings are in use");
        iotlb.TryRemove(0, Page - 1).ShouldBeTrue();
        Reaches(0, 64, isWritable: false).ShouldBeFalse();

        // At the end of all addresses, and over more pages than are remembered.
        ulong last = ulong.MaxValue - (Page - 1);
        iotlb.Update(new AddressTranslation(last, 0, Page, Protection.ReadWrite));
        iotlb.Update(new AddressTranslation(1 << 30, 0, 1 << 30, Protection.ReadWrite));
        for (int i = 0; i < 3; i++)
        {
            Reaches(last, 4096, isWritable: true).ShouldBeTrue();
            Reaches(1 << 30, 1 << 30, isWritable: true).ShouldBeTrue();
            Reaches((1 << 30) + 1, 600 * 4096, isWritable: true).ShouldBeTrue();
            Reaches((1 << 30) + 1, 511 * 4096, isWritable: true).ShouldBeTrue();
        }

        bool Reaches(ulong address, uint length, bool isWritable)
        {
            bool isReachable = gate.IsReachable(address, length, isWritable);
            gate.OnLeft();
            return isReachable;
        }
    }

    /// <summary>What goes to make room for others is asked for again.</summary>
    [Fact]
    public void What_was_evicted_is_not_remembered()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, TimeSpan.FromHours(1));
        var gate = new RingGate(iotlb, Layout, VirtQueueFeatures.None);
        Give(iotlb, 0);
        gate.IsReachable(0, 64, isWritable: true).ShouldBeTrue();
        gate.OnLeft();
        for (ulong i = 1; iotlb.TryTranslate(0, out _); i++)
        {
            i.ShouldBeLessThan(4UL * DeviceIotlb.MostRanges);
            iotlb.Update(new AddressTranslation((1UL << 40) + (2 * i * Page), 0, Page, Protection.Read));
        }

        gate.IsReachable(0, 64, isWritable: true).ShouldBeFalse();
    }

    /// <summary>A chain that a hostile driver has made available twice is in use until both are returned, as far as they are told apart.</summary>
    [Fact]
    public void A_head_that_is_taken_twice_keeps_what_both_name()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, TimeSpan.FromHours(1));
        var gate = new RingGate(iotlb, Layout, VirtQueueFeatures.None);
        iotlb.IsInUse = gate.Uses;
        for (ulong i = 0; i < 2; i++)
        {
            Give(iotlb, 2 * i);
            gate.IsReachable(2 * i * Page, 64, isWritable: true).ShouldBeTrue();
            gate.OnTaken(5);
        }

        gate.IsReachable(0, 64, isWritable: true).ShouldBeTrue();
        gate.OnTaken(6);
        iotlb.TryRemove(0, Page - 1).ShouldBeFalse();
        iotlb.TryRemove(2 * Page, (3 * Page) - 1).ShouldBeFalse();
        gate.OnReturned(5);
        iotlb.TryRemove(0, Page - 1).ShouldBeFalse();
        iotlb.TryRemove(2 * Page, (3 * Page) - 1).ShouldBeTrue();
        gate.OnReturned(6);
        iotlb.TryRemove(0, Page - 1).ShouldBeTrue();
    }

    private static void Give(DeviceIotlb iotlb, ulong page) =>
        iotlb.Update(new AddressTranslation(page * Page, page * Page, Page, Protection.ReadWrite));
}
