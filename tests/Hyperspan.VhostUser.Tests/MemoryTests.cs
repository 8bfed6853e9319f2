using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Shared memory: tables that are wrong, tables that change under running rings, memory that goes away.</summary>
public sealed class MemoryTests : IDisposable
{
    private const ulong Mega = 1 << 20;

    private readonly TestMemory _memory = new(Mega);

    public static TheoryData<string, VhostUserMemoryRegion[]> WrongTables => new()
    {
        { "is empty", [new(0, 0, 0, 0)] },
        { "past 2^64 from guest address", [new(ulong.MaxValue - 0xfff, 0x2000, 0, 0)] },
        { "ends at 2^64", [new(ulong.MaxValue - 0xfff, 0x1000, 0, 0)] },
        { "ends at 2^64", [new(0, 0x1000, 0, 0), new(ulong.MaxValue - 0x3fff, 0x4000, 0x10000, 0)] },
        { "past 2^64 from user address", [new(0, 0x2000, ulong.MaxValue - 0xfff, 0)] },
        { "past 2^64 from file offset", [new(0, 0x2000, 0, ulong.MaxValue - 0xfff)] },
        { "the file has 0x100000 bytes", [new(0, Mega + 1, 0, 0)] },
        { "the file has 0x100000 bytes", [new(0, 0x1000, 0, Mega)] },
        { "cannot be mapped", [new(0, 0x1000, 0, 1UL << 62)] },
        { "accepted", [new(0, 1UL << 62, 0, 0)] },
        { "accepted", [new(0, ulong.MaxValue, 0, 0)] },
        { "differ in where they lie", [new(0x1000, 0x1000, 0, 0x10)] },
        { "differ in where they lie", [new(0x1010, 0x1000, 0, 0)] },
        { "overlaps", [new(0, 0x2000, 0, 0), new(0x1000, 0x2000, 0x10000, 0)] },
        { "in guest addresses", [new(0x1000, 0x1000, 0, 0), new(0, 0x4000, 0x10000, 0)] },
        { "in user addresses", [new(0, 0x2000, 0, 0), new(0x10000, 0x2000, 0x1fff, 0)] },
        { "overlaps", [new(0, 0x1000, 0, 0), new(0, 0x1000, 0, 0)] },
        { "shares a page", [new(0, 0x800, 0, 0), new(0x800, 0x800, 0x10000, 0x800)] },
    };

    [Theory]
    [MemberData(nameof(WrongTables))]
    public void A_wrong_table_is_refused(string reason, VhostUserMemoryRegion[] regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate();
                Should.Throw<VhostUserException>(() =>
                    harness.FrontEnd.SetMemory([.. regions.Select(region => new VhostUserSharedMemory(region, _memory.File))]));
            },
            M.SetMemoryTable,
            reason);
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate();
                Should.Throw<VhostUserException>(() =>
                {
                    foreach (VhostUserMemoryRegion region in regions)
                    {
                        harness.FrontEnd.AddMemory(new VhostUserSharedMemory(region, _memory.File));
                    }
                });
            },
            M.AddMemoryRegion,
            reason);
    }

    [Fact]
    public void The_number_of_descriptors_must_be_that_of_the_regions()
    {
        byte[] one = [1, 0, 0, 0, 0, 0, 0, 0, .. VhostUserFrontEnd.Payload(_memory.Region().Region)[8..]];
        InvalidMessageTests.Refused(M.SetMemoryTable, one, [], "0 descriptors for 1 regions");
        InvalidMessageTests.Refused(M.SetMemoryTable, one, [_memory.File, _memory.File], "2 descriptors for 1 regions");
        InvalidMessageTests.Refused(M.SetMemoryTable, [2, .. one[1..]], [_memory.File], "payload of 40 bytes for 2 regions");
        InvalidMessageTests.Refused(M.SetMemoryTable, [255, 255, 255, 255, .. one[4..]], [_memory.File], "payload of 40 bytes");
        InvalidMessageTests.Refused(M.AddMemoryRegion, VhostUserFrontEnd.Payload(_memory.Region().Region), [], "there is no descriptor");
        InvalidMessageTests.Refused(M.RemoveMemoryRegion, VhostUserFrontEnd.Payload(_memory.Region().Region), [_memory.File], "there is no region");
    }

    /// <summary>As user-mode Linux does, which always sends room for two.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void A_table_may_have_room_for_more_regions_than_there_are(int room)
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        byte[] payload = new byte[8 + (room * 32)];
        payload.AsSpan().Fill(0xa5);
        byte[] one = [1, 0, 0, 0, 0, 0, 0, 0, .. VhostUserFrontEnd.Payload(_memory.Region().Region)[8..]];
        one.CopyTo(payload, 0);
        harness.FrontEnd.Send(M.SetMemoryTable, payload, 1, _memory.File);
        ConversationTests.ShouldServe(harness.FrontEnd, _memory, 0x1000, 7);
        InvalidMessageTests.Refused(M.SetMemoryTable, payload[..^1], [_memory.File], "bytes for 1 regions");
        InvalidMessageTests.Refused(M.SetMemoryTable, payload, [_memory.File, _memory.File], "2 descriptors for 1 regions");
    }

    [Fact]
    public void A_file_that_cannot_be_mapped_or_could_wait_for_ever_is_refused()
    {
        using var queue = new VhostUserFrontEndQueue(0);
        byte[] region = VhostUserFrontEnd.Payload(_memory.Region().Region);
        InvalidMessageTests.Refused(M.AddMemoryRegion, region, [queue.KickHandle], "is no memfd");
        string path = Path.Combine(AppContext.BaseDirectory, Path.GetRandomFileName());
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, preallocationSize: (long)Mega);
            RandomAccess.SetLength(file, (long)Mega);
            VhostUserEvent end = null!;
            using (var harness = new Harness())
            {
                harness.FrontEnd.Negotiate();
                if (Record.Exception(() => harness.FrontEnd.AddMemory(new VhostUserSharedMemory(_memory.Region().Region, file))) is not null)
                {
                    end = harness.End();
                }
            }

            // On tmpfs the file is as good as a memfd.
            (end is null || end.ToString().Contains("wait for ever", StringComparison.Ordinal)).ShouldBeTrue(end?.ToString());
            using var lenient = new Harness(options: new VhostUserOptions { AllowBlockingMemory = true });
            lenient.FrontEnd.Negotiate();
            lenient.FrontEnd.AddMemory(new VhostUserSharedMemory(_memory.Region().Region, file));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void There_are_as_many_slots_as_told()
    {
        using var harness = new Harness(options: new VhostUserOptions { MaximumMemorySlots = 10 });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.GetMaximumMemorySlots().ShouldBe(10u);
        for (ulong i = 0; i < 10; i++)
        {
            harness.FrontEnd.AddMemory(_memory.Region(i * 0x1000, 0x1000, i * 0x1000));
        }

        Should.Throw<VhostUserException>(() => harness.FrontEnd.AddMemory(_memory.Region(0x10000, 0x1000)));
        harness.End().ToString().ShouldContain("ADD_MEM_REG: there are 10 regions already");
    }

    [Fact]
    public void Regions_of_odd_lengths_and_offsets_work()
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region(0x1234, 0xabcd, 0x1234), _memory.Region(0xd000, 0x8001, 0xd000));
        ConversationTests.ShouldServe(harness.FrontEnd, _memory, 0x2000, number: 1);
    }

    [Fact]
    public void Memory_is_replaced_added_and_removed_while_requests_run()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var other = new TestMemory(Mega);
            using var harness = new Harness();
            VhostUserFrontEnd frontend = harness.FrontEnd;
            frontend.Negotiate();
            frontend.SetMemory(_memory.Region());
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
            using var stop = new CancellationTokenSource();
            long done = 0;
            Task guest = Task.Run(() =>
            {
                for (ulong number = 0; !stop.IsCancellationRequested; number++)
                {
                    driver.Submit(number);
                    queue.Kick();
                    driver.WaitForAll(queue).ShouldBe([number]);
                    Interlocked.Increment(ref done);
                }
            });
            for (int i = 0; i < 30; i++)
            {
                long before = Interlocked.Read(ref done);
                switch (i % 3)
                {
                    case 0:
                        frontend.SetMemory(_memory.Region(), other.Region(Mega * 4));
                        break;
                    case 1:
                        frontend.AddMemory(other.Region(Mega * 8));
                        break;
                    default:
                        frontend.RemoveMemory(other.Region(Mega * 8).Region);
                        frontend.SetMemory(_memory.Region());
                        break;
                }

                Harness.Eventually(() => guest.IsCompleted || Interlocked.Read(ref done) > before + 1, "the ring goes on");
            }

            stop.Cancel();
            guest.Wait(Harness.Patience).ShouldBeTrue();
            frontend.StopQueue(0).ShouldBe(driver.Available);
            harness.Device.Completed.ShouldBe(Enumerable.Range(0, (int)done).Select(i => (ulong)i));
        });
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void A_table_that_would_move_a_started_ring_to_where_it_must_not_be_is_refused_and_leaves_nothing_behind(ulong shift)
    {
        InvalidMessageTests.Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate();
                harness.FrontEnd.SetMemory(_memory.Region());
                using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, ConversationTests.NewDriver(_memory, 0x1000).Layout);

                // The front end's addresses stay, the guest's are no longer multiples of 16.
                var region = new VhostUserMemoryRegion(0x10000 + shift, Mega - shift, TestMemory.UserOffset, shift);
                Should.Throw<VhostUserException>(() => harness.FrontEnd.SetMemory(new VhostUserSharedMemory(region, _memory.File)));
            },
            M.SetMemoryTable,
            "ring 0: ");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Another_session_over_the_same_connection_begins_without_the_memory_of_the_one_before(bool elsewhere)
    {
        using var other = new TestMemory(Mega);
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();
        frontend.AddMemory(_memory.Region());
        frontend.AddMemory(other.Region(4 * Mega));
        ConversationTests.ShouldServe(frontend, _memory, 0x1000, number: 1);
        frontend.StopQueue(0);

        // A disk is taken out of a machine of QEMU and put in again: what it says next is what it said at first.
        frontend.Negotiate();
        TestMemory memory = elsewhere ? other : _memory;
        frontend.AddMemory(memory.Region());
        frontend.AddMemory((elsewhere ? _memory : other).Region(4 * Mega));
        ConversationTests.ShouldServe(frontend, memory, 0x1000, number: 2);
        harness.Device.Completed.ShouldBe([1ul, 2ul]);
    }

    [Fact]
    public void A_session_that_is_begun_while_a_ring_is_started_keeps_its_memory()
    {
        using var other = new TestMemory(Mega);
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();
        frontend.AddMemory(_memory.Region());
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
        frontend.SetOwner();
        frontend.AddMemory(other.Region(4 * Mega));
        driver.Submit(3);
        queue.Kick();
        driver.WaitForAll(queue).ShouldBe([3ul]);
    }

    [Fact]
    public void A_buffer_in_memory_that_was_added_is_reached_and_one_in_memory_that_was_removed_is_not()
    {
        using var other = new TestMemory(Mega);
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();
        frontend.SetMemory(_memory.Region());
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
        frontend.AddMemory(other.Region(16 * Mega));
        other.Memory.Write(0x5000, 5ul);
        driver.Describe(15, (16 * Mega) + 0x5000, 8, 0, 0);
        driver.Offer(15);
        queue.Kick();
        Harness.Eventually(() => harness.Device.Completed.Contains(5ul), "the request is done");
        frontend.RemoveMemory(other.Region(16 * Mega).Region);
        driver.Offer(15);
        queue.Kick();
        queue.WaitForError(Harness.Patience).ShouldBeTrue();
        Harness.Eventually(() => harness.Log.Count(VhostUserEventKind.RingBroken) == 1, harness.Log.ToString());
        harness.Log.ToString().ShouldContain("ring broken: queue 0: ");

        // The connection goes on, and a ring set up anew works.
        frontend.StopQueue(0);
        ConversationTests.ShouldServe(frontend, _memory, 0x1000, number: 6);
    }

    [Fact]
    public void A_started_ring_must_stay_in_memory()
    {
        foreach (bool all in (bool[])[false, true])
        {
            InvalidMessageTests.Refused(
                harness =>
                {
                    harness.FrontEnd.Negotiate();
                    harness.FrontEnd.SetMemory(_memory.Region());
                    using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, ConversationTests.NewDriver(_memory, 0x1000).Layout);
                    Should.Throw<VhostUserException>(() =>
                    {
                        if (all)
                        {
                            harness.FrontEnd.SetMemory();
                        }
                        else
                        {
                            harness.FrontEnd.RemoveMemory(_memory.Region().Region);
                        }
                    });
                },
                all ? M.SetMemoryTable : M.RemoveMemoryRegion,
                "ring 0 is started, and would not be in shared memory any more");
        }
    }

    [Fact]
    public void Memory_truncated_under_the_device_ends_the_connection_and_nothing_else()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var device = new TestDevice();
            using (var memory = new TestMemory(Mega))
            using (var harness = new Harness(device))
            {
                harness.FrontEnd.Negotiate();
                harness.FrontEnd.SetMemory(memory.Region());
                TestDriver driver = ConversationTests.NewDriver(memory, 0x1000);
                using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
                driver.Submit(1);
                queue.Kick();
                driver.WaitForAll(queue).ShouldBe([1ul]);
                driver.Submit(2);
                memory.Truncate(0x1000);
                queue.Kick();
                queue.WaitForError(Harness.Patience).ShouldBeTrue();
                VhostUserEvent end = harness.End();
                end.Kind.ShouldBe(VhostUserEventKind.MemoryLost, end.ToString());
                end.Fault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped);
                end.ToString().ShouldContain("SIGBUS");
                harness.FrontEnd.WaitForClose().ShouldBeTrue();
            }

            using var next = new Harness(device);
            next.FrontEnd.Negotiate();
            next.FrontEnd.SetMemory(_memory.Region());
            ConversationTests.ShouldServe(next.FrontEnd, _memory, 0x1000, number: 3);
        });
    }

    [Fact]
    public async Task Memory_truncated_at_any_time_while_requests_run_does_no_harm()
    {
        for (int round = 0; round < 20; round++)
        {
            using var memory = new TestMemory(Mega);
            using var harness = new Harness();
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(memory.Region());
            TestDriver driver = ConversationTests.NewDriver(memory, 0x1000);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            long done = 0;
            Task guest = Task.Run(async () =>
            {
                try
                {
                    for (ulong number = 0; ; number++)
                    {
                        driver.Submit(number);
                        queue.Kick();
                        while (driver.Reap().Count == 0)
                        {
                            await Task.Yield();
                        }

                        Interlocked.Increment(ref done);
                    }
                }
                catch (GuestMemoryException)
                {
                    // The guest found out.
                }
            });
            Harness.Eventually(() => guest.IsCompleted || Interlocked.Read(ref done) > round * 10, "requests run");
            memory.Truncate((ulong)(round % 4) * 0x1000);
            await guest.WaitAsync(Harness.Patience);

            // Where the rings are left and the guest was the first to notice, the device has nothing to notice.
            memory.Truncate(0);
            queue.Kick();
            harness.End().Kind.ShouldBe(VhostUserEventKind.MemoryLost);
        }
    }

    [Fact]
    public void A_table_over_a_file_that_is_too_short_by_now_is_refused_when_a_ring_starts() => InvalidMessageTests.Refused(
        harness =>
        {
            using var memory = new TestMemory(Mega);
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(memory.Region());
            TestDriver driver = ConversationTests.NewDriver(memory, 0x1000);
            memory.Truncate(0);
            Should.Throw<VhostUserException>(() => harness.FrontEnd.StartQueue(0, driver.Layout));
        },
        M.SetVringAddress,
        "SIGBUS");

    public void Dispose() => _memory.Dispose();
}
