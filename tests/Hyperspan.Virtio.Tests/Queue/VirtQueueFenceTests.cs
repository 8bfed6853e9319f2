using System.Diagnostics;

namespace Hyperspan.Virtio.Tests;

/// <summary>
/// Litmus tests of the two places where one side stores and then loads while the other does the same the other way round: both may not miss each other's store.
/// Two threads meet at a point again and again and do one step each; on a machine with little to spare they meet less often, which can only hide an error.
/// </summary>
[Trait("Category", "slow")]
public class VirtQueueFenceTests
{
    private const int Rounds = 1_000_000;

    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData(VirtQueueFeatures.None)]
    [InlineData(VirtQueueFeatures.EventIndex)]
    public void A_chain_is_seen_or_the_device_is_kicked(VirtQueueFeatures features)
    {
        using var bed = new QueueBed(features, size: 4);
        var chain = new DescriptorChain();
        var buffer = new ChainSegment(QueueBed.Buffers, 4);
        bool seen = false;
        Meet(
            prepare: () => bed.Queue.DisableNotifications(),
            device: () => seen = bed.Queue.EnableNotifications(),
            driver: () =>
            {
                bed.Driver.TryAdd([buffer], [], out _);
                return bed.Driver.NeedsKick();
            },
            check: kicked =>
            {
                bool good = seen || kicked;
                bed.Queue.TryTake(chain).ShouldBeTrue();
                bed.Queue.Complete(chain, 0).ShouldBeTrue();
                bed.Driver.TryCollect(out _).ShouldBeTrue();
                return good;
            });
    }

    [Theory]
    [InlineData(VirtQueueFeatures.None)]
    [InlineData(VirtQueueFeatures.EventIndex)]
    public void A_returned_chain_is_seen_or_the_driver_is_notified(VirtQueueFeatures features)
    {
        using var bed = new QueueBed(features, size: 4);
        var chain = new DescriptorChain();
        var buffer = new ChainSegment(QueueBed.Buffers, 4);
        bed.Queue.ShouldNotify();
        bool notified = false;
        Meet(
            prepare: () =>
            {
                bed.Driver.DisableCallbacks();
                bed.Driver.TryAdd([buffer], [], out _).ShouldBeTrue();
                bed.Queue.TryTake(chain).ShouldBeTrue();
            },
            device: () =>
            {
                bed.Queue.Complete(chain, 0);
                notified = bed.Queue.ShouldNotify();
            },
            driver: () => bed.Driver.EnableCallbacks(),
            check: seen =>
            {
                bed.Driver.TryCollect(out _).ShouldBeTrue();
                return seen || notified;
            });
    }

    /// <summary>The driver's steps, the preparation and the check run on this thread, the device's on another; the two steps at the same time.</summary>
    private static void Meet(Action prepare, Action device, Func<bool> driver, Func<bool, bool> check)
    {
        int round = 0;
        int finished = 0;
        var thread = new Thread(() =>
        {
            for (int i = 1; ; i++)
            {
                var spin = default(SpinWait);
                int now;
                while ((now = Volatile.Read(ref round)) < i)
                {
                    Pause(ref spin);
                }

                if (now == int.MaxValue)
                {
                    return;
                }

                device();
                Volatile.Write(ref finished, i);
            }
        });
        thread.Start();
        int missed = 0;
        var watch = Stopwatch.StartNew();
        for (int i = 1; i <= Rounds && missed == 0 && (i % 1024 != 0 || watch.Elapsed < Enough); i++)
        {
            prepare();
            Volatile.Write(ref round, i);

            // The other thread needs a moment to see it; a different one each time, so that the steps meet in every way.
            Thread.SpinWait(i & 15);
            bool result = driver();
            var spin = default(SpinWait);
            while (Volatile.Read(ref finished) < i)
            {
                Pause(ref spin);
            }

            missed += check(result) ? 0 : 1;
        }

        Volatile.Write(ref round, int.MaxValue);
        thread.Join();
        missed.ShouldBe(0);

        // Never to sleep, which would keep them from meeting; but not to burn a whole slice where there is one core for both.
        static void Pause(ref SpinWait spin)
        {
            if (spin.Count < 9)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }
            else
            {
                Thread.Yield();
            }
        }
    }
}
