using M = Hyperspan.VhostUser.VhostUserMessage;
using P = Hyperspan.VhostUser.VhostUserProtocolFeatures;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The log of writes: complete while queues run, are stopped, get another log or other memory; refused where it is wrong; gone where it is not wanted.</summary>
public sealed class MigrationTests : IDisposable
{
    private const ulong Mega = 1 << 20;
    private const ulong Page = GuestAddress.PageSize;

    private readonly TestMemory _memory = new(Mega);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public async Task A_guest_is_copied_while_it_is_served(int queues, bool drop)
    {
        using var harness = new Harness(new TestDevice(queues));
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        frontEnd.Negotiate();
        frontEnd.SetMemory(_memory.Region());
        TestDriver[] drivers = [.. Enumerable.Range(0, queues).Select(i => new TestDriver(_memory.Memory, 0x1_0000 + ((ulong)i * TestDriver.Length)))];
        VhostUserFrontEndQueue[] events = [.. drivers.Select((driver, i) => frontEnd.StartQueue(i, driver.Layout))];
        using var migration = new Migration(_memory);
        bool stop = false;
        ulong[] rounds = new ulong[queues];
        Task[] guests = [.. drivers.Select((driver, i) => Task.Factory.StartNew(
            () =>
            {
                for (ulong number = 1; !Volatile.Read(ref stop); number++)
                {
                    driver.Submit(number);
                    driver.Submit(number + 1000);
                    events[i].Kick();
                    driver.WaitForAll(events[i]);
                    Volatile.Write(ref rounds[i], number);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        if (drop)
        {
            migration.Dropped = drivers[^1].Layout.UsedRing.Value / Page;
        }

        migration.Begin(frontEnd);
        for (int i = 0; i < queues; i++)
        {
            frontEnd.SetQueueLog(i, drivers[i].Layout, drivers[i].Layout.UsedRing);
        }

        for (int i = 0; i < 200; i++)
        {
            migration.Turn();
            if (i % 50 == 25)
            {
                migration.ReplaceLog(frontEnd);
            }
            else if (i % 50 == 35)
            {
                // The same memory, mapped anew.
                frontEnd.SetMemory(_memory.Region(), _memory.Region(Mega, Page));
            }
            else if (i % 50 == 45)
            {
                frontEnd.SetMemory(_memory.Region());
            }
            else if (i % 50 == 5)
            {
                // All of them have written since.
                ulong[] before = [.. rounds];
                Harness.Eventually(
                    () => guests.Any(guest => guest.IsCompleted) || Enumerable.Range(0, queues).All(queue => Volatile.Read(ref rounds[queue]) > before[queue] + 1),
                    "a round of each queue");
            }
        }

        Volatile.Write(ref stop, true);
        await Task.WhenAll(guests).WaitAsync(Harness.Patience);
        for (int i = 0; i < queues; i++)
        {
            frontEnd.StopQueue(i);
        }

        migration.Turn();
        migration.Taken.ShouldBeGreaterThan(0);
        ulong? different = migration.FindDifference();
        if (drop)
        {
            different.ShouldBe(migration.Dropped * Page, "a page that was dropped on purpose was not noticed");
        }
        else
        {
            different.ShouldBeNull(harness.Log.ToString());
        }

        foreach (VhostUserFrontEndQueue queue in events)
        {
            queue.Dispose();
        }
    }

    [Fact]
    public void Each_request_is_in_the_log_when_the_guest_knows_of_it()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue);
        using var migration = new Migration(_memory);
        migration.Begin(frontEnd);
        for (ulong number = 0; number < 100; number++)
        {
            driver.Submit(number);
            queue.Kick();
            while (_memory.Memory.VolatileRead<ushort>(driver.Layout.UsedRing + 2) != (ushort)(number + 1))
            {
                Thread.SpinWait(1);
            }

            // What the used index covers, the moment that it does: the answer and the entry; the index's own page is that of the entry.
            migration.TakeBits().ShouldBe([3UL, 5UL], ignoreOrder: true);
            driver.WaitForAll(queue);
        }

        queue.Dispose();
    }

    [Fact]
    public void Nothing_is_logged_that_is_not_wanted()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue);
        using var migration = new Migration(_memory);
        frontEnd.SetLog(migration.Log.File, migration.Log.Length);
        Serve(driver, queue, 1);
        migration.TakeBits().ShouldBeEmpty();
        frontEnd.SetLogging(true);
        Serve(driver, queue, 2);
        migration.TakeBits().ShouldNotBeEmpty();
        frontEnd.SetLogging(false);
        migration.TakeBits();
        Serve(driver, queue, 3);
        migration.TakeBits().ShouldBeEmpty();

        // With the log that it had.
        frontEnd.SetLogging(true);
        Serve(driver, queue, 4);
        migration.TakeBits().ShouldNotBeEmpty();
        frontEnd.StopQueue(0);
        frontEnd.ResetDevice();
        frontEnd.SetFeatures(TestDevice.Ring | (1UL << 30));
        queue.Dispose();
        harness.Log.Count(VhostUserEventKind.LogChanged).ShouldBe(4);
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Fact]
    public void Without_a_log_nothing_is_served_that_should_be_logged()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        frontEnd.Negotiate();
        frontEnd.SetLogging(true);
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue, negotiate: false);
        using var migration = new Migration(_memory);
        driver.Submit(1);
        queue.Kick();
        frontEnd.GetFeatures();
        Thread.Sleep(100);
        _memory.Memory.Read<ushort>(driver.Layout.UsedRing + 2).ShouldBe((ushort)0);
        frontEnd.SetLog(migration.Log.File, migration.Log.Length);
        driver.WaitForAll(queue).ShouldBe([1UL]);
        migration.TakeBits().ShouldBe([3UL, 5UL], ignoreOrder: true);
        queue.Dispose();
    }

    [Fact]
    public void Without_the_protocol_feature_there_is_nothing_to_log_to()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        frontEnd.Negotiate(protocolFeatures: P.All & ~P.LogSharedMemory);
        frontEnd.SetLogging(true);
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue, negotiate: false);
        Serve(driver, queue, 1);
        queue.Dispose();
    }

    [Fact]
    public void A_used_ring_may_be_logged_elsewhere()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue);
        using var log = new TestMemory(Page);
        frontEnd.SetLog(log.File, Page);
        frontEnd.SetLogging(true);
        frontEnd.SetQueueLog(0, driver.Layout, 0x400_0ff0);
        Serve(driver, queue, 1);

        // Its index in one page; the event index, behind the entries, in the next.
        log.Memory.Exchange(0x400_0000 / Page / 8, (byte)0).ShouldBe((byte)3);
        Serve(driver, queue, 2);
        log.Memory.Exchange(0x400_0000 / Page / 8, (byte)0).ShouldBe((byte)3);

        // What the queue did until it was told is marked when it has been.
        frontEnd.SetQueueLog(0, driver.Layout, driver.Layout.UsedRing);
        log.Memory.Exchange(0x400_0000 / Page / 8, (byte)0);
        Serve(driver, queue, 4);
        frontEnd.StopQueue(0);
        log.Memory.Exchange(0x400_0000 / Page / 8, (byte)0).ShouldBe((byte)0);
        queue.Dispose();
    }

    [Fact]
    public void A_log_that_is_wrong_is_refused()
    {
        using var log = new TestMemory(2 * Page);
        Refused(frontEnd => frontEnd.SetLog(log.File, 0), M.SetLogBase, "the log has no bytes");
        Refused(frontEnd => frontEnd.SetLog(log.File, 31), M.SetLogBase, "the log of 0x1f bytes ends before the memory");
        Refused(frontEnd => frontEnd.SetLog(log.File, Page, 8), M.SetLogBase, "not a multiple of the page size");
        Refused(frontEnd => frontEnd.SetLog(log.File, Page, ulong.MaxValue - 0xfff), M.SetLogBase, "too large");
        Refused(frontEnd => frontEnd.SetLog(log.File, 2 * Page, Page), M.SetLogBase, "cannot be mapped");
        Refused(frontEnd => frontEnd.SetLog(log.File, 1UL << 60), M.SetLogBase, "are accepted");
        Refused(frontEnd => frontEnd.Send(M.SetLogBase, new byte[16]), M.SetLogBase, "there is no descriptor");
        Refused(frontEnd => frontEnd.Send(M.SetLogBase, new byte[8], 1, log.File), M.SetLogBase, "payload of 8 bytes");
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate(protocolFeatures: P.All & ~P.LogSharedMemory);
                harness.FrontEnd.Send(M.SetLogBase, new byte[16], 1, log.File);
            },
            M.SetLogBase,
            "needs the protocol feature LogSharedMemory");
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate(protocolFeatures: P.All & ~P.LogSharedMemory);
                harness.FrontEnd.SetMemory(_memory.Region());
                harness.FrontEnd.SetVring(M.SetVringSize, 0, 16);
                Should.Throw<VhostUserException>(() => harness.FrontEnd.SetQueueLog(0, new TestDriver(_memory.Memory).Layout, 0));
            },
            M.SetVringAddress,
            "logging was not agreed on");
    }

    [Fact]
    public void A_log_that_is_too_short_for_new_memory_or_a_ring_is_refused()
    {
        using var log = new TestMemory(Page);
        Refused(
            frontEnd =>
            {
                frontEnd.SetLog(log.File, Mega / Page / 8);
                frontEnd.SetLogging(true);
                frontEnd.SetMemory(_memory.Region(), _memory.Region(Mega, Page));
            },
            M.SetMemoryTable,
            "ends before the memory");
        Refused(
            frontEnd =>
            {
                frontEnd.SetLog(log.File, Mega / Page / 8);
                frontEnd.SetMemory(_memory.Region(), _memory.Region(Mega, Page));
                frontEnd.SetLogging(true);
            },
            M.SetFeatures,
            "ends before the memory");
        Refused(
            frontEnd =>
            {
                frontEnd.SetLog(log.File, Mega / Page / 8);
                frontEnd.SetVring(M.SetVringSize, 0, 16);
                frontEnd.SetQueueLog(0, new TestDriver(_memory.Memory).Layout, Mega - 8);
            },
            M.SetVringAddress,
            "ends before the used ring 0");
    }

    [Fact]
    public void A_log_that_shrinks_ends_the_connection_alone()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        TestDriver driver = Start(frontEnd, out VhostUserFrontEndQueue queue);
        using var migration = new Migration(_memory);
        migration.Begin(frontEnd);
        Serve(driver, queue, 1);
        migration.Log.Truncate(0);
        driver.Submit(2);
        queue.Kick();
        VhostUserEvent end = harness.End();
        end.Kind.ShouldBe(VhostUserEventKind.MemoryLost);
        end.Fault!.Value.MemoryName.ShouldBe("log of writes");
        queue.Dispose();
    }

    [Fact]
    public void Nothing_of_it_is_kept()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var harness = new Harness();
            TestDriver driver = Start(harness.FrontEnd, out VhostUserFrontEndQueue queue);
            using var migration = new Migration(_memory);
            migration.Begin(harness.FrontEnd);
            Serve(driver, queue, 1);
            migration.ReplaceLog(harness.FrontEnd);
            Serve(driver, queue, 2);
            queue.Dispose();
        });
    }

    private TestDriver Start(VhostUserFrontEnd frontEnd, out VhostUserFrontEndQueue queue, bool negotiate = true)
    {
        if (negotiate)
        {
            frontEnd.Negotiate();
        }

        frontEnd.SetMemory(_memory.Region());
        _memory.Memory.Clear(0, Mega);
        var driver = new TestDriver(_memory.Memory);
        queue = frontEnd.StartQueue(0, driver.Layout);
        return driver;
    }

    private static void Serve(TestDriver driver, VhostUserFrontEndQueue queue, ulong number)
    {
        driver.Submit(number);
        queue.Kick();
        driver.WaitForAll(queue).ShouldBe([number]);
    }

    private void Refused(Action<VhostUserFrontEnd> action, M message, string reason) => InvalidMessageTests.Refused(
        harness =>
        {
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(_memory.Region());
            Record.Exception(() => action(harness.FrontEnd));
        },
        message,
        reason);
}
