namespace Hyperspan.VhostUser.Tests;

/// <summary>What a connection has made is released however it ends; and where a thread of it cannot be ended, nobody else is served meanwhile.</summary>
[Trait("Category", "slow")]
public sealed class ReleaseTests : IDisposable
{
    private const ulong Mega = 1 << 20;

    private readonly TestMemory _memory = new(Mega);
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"hs-{Guid.NewGuid():N}.sock");
    private readonly EventLog _log = new();

    /// <summary>Between the look at the new table and the move to it, while a request is waited for.</summary>
    [Fact]
    public void A_table_that_goes_away_while_the_queues_move_to_it_leaves_nothing_behind() => OpenDescriptors.ShouldNotGrow(() =>
    {
        using var other = new TestMemory(Mega);
        using var go = new ManualResetEventSlim();
        using var device = new TestDevice(queues: 3) { OnRequest = _ => go.Wait(Harness.Patience) };
        using var harness = new Harness(device, log: new EventLog());
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        TestDriver[] drivers = [.. Enumerable.Range(0, 3).Select(i => ConversationTests.NewDriver(_memory, 0x1000 + ((ulong)i * TestDriver.Length)))];
        VhostUserFrontEndQueue[] queues = [.. drivers.Select((driver, i) => harness.FrontEnd.StartQueue(i, driver.Layout))];
        drivers[1].Submit(1);
        queues[1].Kick();
        Harness.Eventually(() => !device.Taken.IsEmpty, "the request is taken");
        int mapped = Mappings();
        var change = new Thread(() => Record.Exception(() => harness.FrontEnd.SetMemory(other.Region())));
        change.Start();
        Harness.Eventually(() => Mappings() > mapped, "the new memory is mapped");

        // So that it waits for the request by now. Where it does not, the table is refused at the look.
        Thread.Sleep(200);
        other.Truncate(0);
        go.Set();
        harness.End().IsError.ShouldBeTrue();
        change.Join();
        device.LiveHandlers.ShouldBe(0);
        foreach (VhostUserFrontEndQueue queue in queues)
        {
            queue.Dispose();
        }
    });

    [Fact]
    public void A_table_that_comes_while_a_queue_cannot_be_stopped_is_not_kept() => OpenDescriptors.ShouldNotGrow(() =>
    {
        using var other = new TestMemory(Mega);
        using var device = new TestDevice();
        using var harness = new Harness(device, log: new EventLog());
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using (var filled = new FilledEvent(oldKernel: true))
        {
            using VhostUserFrontEndQueue queue = filled.StartQueue(harness.FrontEnd, _memory, driver);
            Harness.Eventually(() => device.Completed.Contains(1UL), "the request is served");
            _ = Record.Exception(() => harness.FrontEnd.SetMemory(other.Region(), _memory.Region(4 * Mega)));
            Harness.Eventually(() => harness.Log.Count(VhostUserEventKind.QueueStuck) > 0, "it is told that a queue is stuck");
        }

        harness.End().ToString().ShouldContain("cannot be stopped");
        device.LiveHandlers.ShouldBe(0);
    });

    [Fact]
    public void A_queue_that_the_front_end_keeps_from_stopping_keeps_the_next_front_end_waiting()
    {
        using var device = new TestDevice();
        using var server = new VhostUserServer(_path, device, new VhostUserOptions { OnEvent = _log.Add });
        using var stop = new CancellationTokenSource();
        Task run = server.RunAsync(stop.Token);
        var filled = new FilledEvent(oldKernel: true);
        using (VhostUserFrontEnd first = VhostUserFrontEnd.Connect(_path))
        {
            using VhostUserFrontEndQueue queue = filled.StartQueue(first, _memory, ConversationTests.NewDriver(_memory, 0x1000));
            Harness.Eventually(() => device.Completed.Contains(1UL), "the request is served");
        }

        Harness.Eventually(() => _log.Count(VhostUserEventKind.QueueStuck) > 0, "it is told that a queue is stuck");
        using VhostUserFrontEnd next = VhostUserFrontEnd.Connect(_path, Harness.Patience);
        Thread.Sleep(200);
        server.Statistics.Connections.ShouldBe(1);
        device.LiveHandlers.ShouldBe(1);
        _log.ToString().ShouldContain("no other front end is served");

        filled.Dispose();
        next.GetFeatures();
        device.LiveHandlers.ShouldBe(0);
        server.Statistics.Connections.ShouldBe(2);
        stop.Cancel();
        Harness.Eventually(() => run.IsCompletedSuccessfully, "it ends");
    }

    [Fact]
    public void A_queue_that_the_front_end_keeps_from_stopping_does_not_keep_the_server_from_its_end()
    {
        using var device = new TestDevice();
        using var server = new VhostUserServer(_path, device, new VhostUserOptions { OnEvent = _log.Add });
        using var stop = new CancellationTokenSource();
        Task run = server.RunAsync(stop.Token);
        using var filled = new FilledEvent(oldKernel: true);
        using (VhostUserFrontEnd first = VhostUserFrontEnd.Connect(_path))
        {
            using VhostUserFrontEndQueue queue = filled.StartQueue(first, _memory, ConversationTests.NewDriver(_memory, 0x1000));
            Harness.Eventually(() => device.Completed.Contains(1UL), "the request is served");
        }

        Harness.Eventually(() => _log.Count(VhostUserEventKind.QueueStuck) > 0, "it is told that a queue is stuck");
        stop.Cancel();
        Harness.Eventually(() => run.IsCompletedSuccessfully, "it ends");
    }

    [Fact]
    public void A_request_that_does_not_end_keeps_the_next_front_end_waiting_and_that_is_told()
    {
        using var go = new ManualResetEventSlim();
        using var device = new TestDevice { OnRequest = number => number != 1 || go.Wait(Harness.Patience) };
        using var server = new VhostUserServer(_path, device, new VhostUserOptions { OnEvent = _log.Add });
        using var stop = new CancellationTokenSource();
        Task run = server.RunAsync(stop.Token);
        using (VhostUserFrontEnd first = VhostUserFrontEnd.Connect(_path))
        {
            first.Negotiate();
            first.SetMemory(_memory.Region());
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using VhostUserFrontEndQueue queue = first.StartQueue(0, driver.Layout);
            driver.Submit(1);
            queue.Kick();
            Harness.Eventually(() => !device.Taken.IsEmpty, "the request is taken");
        }

        Harness.Eventually(() => _log.Count(VhostUserEventKind.QueueStuck) == 1, "it is told that a queue is stuck");
        _log.ToString().ShouldContain("queue stuck: queue 0: its request does not end");
        using VhostUserFrontEnd next = VhostUserFrontEnd.Connect(_path, Harness.Patience);
        server.Statistics.Connections.ShouldBe(1);
        go.Set();
        next.Negotiate();
        next.SetMemory(_memory.Region());
        ConversationTests.ShouldServe(next, _memory, 0x1000, number: 2);
        stop.Cancel();
        Harness.Eventually(() => run.IsCompletedSuccessfully, "it ends");
        device.LiveHandlers.ShouldBe(0);
    }

    public void Dispose() => _memory.Dispose();

    private static int Mappings() => File.ReadLines("/proc/self/maps").Count(line => line.Contains("/memfd:test", StringComparison.Ordinal));
}
