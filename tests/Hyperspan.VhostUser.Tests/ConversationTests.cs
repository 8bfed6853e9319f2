using System.Net.Sockets;

using P = Hyperspan.VhostUser.VhostUserProtocolFeatures;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The conversation that QEMU has with a block device, with the smallest and the full set of features.</summary>
public class ConversationTests
{
    private const ulong SmallestFeatures = 0x1_4000_0000;
    private const ulong SmallestProtocolFeatures = 0x200;

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(400);

    [Theory]
    [InlineData(SmallestFeatures, SmallestProtocolFeatures, 1)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, 1)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, 3)]
    public void A_guest_is_started_twice_and_served(ulong features, ulong protocolFeatures, int queues)
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness(
            new TestDevice(queues), new VhostUserOptions { FeatureMask = features, ProtocolFeatureMask = (P)protocolFeatures });
        VhostUserFrontEnd frontend = harness.FrontEnd;

        // The connection is made.
        ulong offered = frontend.GetFeatures();
        ulong log = ((P)protocolFeatures).HasFlag(P.LogSharedMemory) ? 1UL << 26 : 0;
        offered.ShouldBe((TestDevice.Ring | (1UL << 30) | log) & features);
        P protocol = frontend.GetProtocolFeatures();
        protocol.ShouldBe(P.All & (P)protocolFeatures);
        frontend.SetProtocolFeatures(protocol);
        if (protocol.HasFlag(P.MultipleQueues))
        {
            frontend.GetQueueCount().ShouldBe((ulong)queues);
        }

        if (protocol.HasFlag(P.MemorySlots))
        {
            frontend.GetMaximumMemorySlots().ShouldBe(128u);
        }

        if (protocol.HasFlag(P.BackendChannel))
        {
            frontend.OpenBackendChannel();
        }

        frontend.SetOwner();
        frontend.GetFeatures().ShouldBe(offered);
        frontend.GetConfig(0, 60).ShouldBe(Enumerable.Range(1, 60).Select(i => (byte)i));
        VhostUserInflight? inflight = protocol.HasFlag(P.Inflight) ? frontend.GetInflight((ushort)queues, 128) : null;

        // The firmware, then the system.
        for (int start = 0; start < 2; start++)
        {
            if (inflight is not null)
            {
                frontend.SetInflight(inflight);
            }

            frontend.SetFeatures(offered & ~log);
            VhostUserSharedMemory low = memory.Region(0, 0xa000);
            VhostUserSharedMemory high = memory.Region(0xc000, memory.Length - 0xc000, 0xc000);
            if (protocol.HasFlag(P.MemorySlots) && start == 1)
            {
                frontend.RemoveMemory(low.Region);
                frontend.RemoveMemory(high.Region);
                frontend.AddMemory(low);
                frontend.AddMemory(high);
            }
            else
            {
                frontend.SetMemory(low, high);
            }

            var drivers = Enumerable.Range(0, queues).Select(i => NewDriver(memory, 0x1_0000 + ((ulong)i * TestDriver.Length))).ToArray();
            VhostUserFrontEndQueue[] events = [.. drivers.Select((driver, i) => frontend.StartQueue(i, driver.Layout))];
            for (ulong number = 0; number < 100; number++)
            {
                for (int i = 0; i < queues; i++)
                {
                    drivers[i].Submit(number);
                    events[i].Kick();
                    drivers[i].WaitForAll(events[i]).ShouldBe([number]);
                }
            }

            for (int i = 0; i < queues; i++)
            {
                frontend.EnableQueue(i, false);
                frontend.StopQueue(i).ShouldBe((ushort)100);
                events[i].Dispose();
            }
        }

        inflight?.Dispose();
        harness.Connection.Statistics.Requests.ShouldBe(200 * queues);
        harness.Device.AcknowledgedFeatures.ShouldBe(TestDevice.Ring & features);
        frontend.Dispose();
        harness.End().Kind.ShouldBe(VhostUserEventKind.Disconnected);
        harness.Log.Events.ShouldNotContain(what => what.IsError, harness.Log.ToString());
    }

    [Fact]
    public void Messages_may_come_glued_together_and_in_pieces()
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        byte[] owner = VhostUserFrontEnd.Payload(new MessageHeader { Request = VhostUserMessage.SetOwner, Flags = 1 });
        byte[] get = VhostUserFrontEnd.Payload(new MessageHeader { Request = VhostUserMessage.GetFeatures, Flags = 1 });
        byte[] set = [
            .. VhostUserFrontEnd.Payload(new MessageHeader { Request = VhostUserMessage.SetFeatures, Flags = 1, PayloadLength = 8 }),
            .. VhostUserFrontEnd.Payload(TestDevice.Ring)];
        frontend.SendRaw([.. owner, .. owner, .. set, .. get]);
        frontend.Receive(VhostUserMessage.GetFeatures).Length.ShouldBe(8);
        foreach (byte part in set.Concat(get))
        {
            frontend.SendRaw([part]);
        }

        frontend.Receive(VhostUserMessage.GetFeatures).Length.ShouldBe(8);

        // Without descriptors, and glued to it one with a descriptor.
        frontend.SendRaw([.. set, .. get]);
        frontend.SetMemory(memory.Region());
        frontend.Receive(VhostUserMessage.GetFeatures).Length.ShouldBe(8);
        frontend.GetFeatures();
        harness.Log.Count(VhostUserEventKind.MemoryChanged).ShouldBe(1);
    }

    [Fact]
    public void Configuration_is_read_and_written()
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();

        // What the device does not have reads as zero: front ends may know longer configurations.
        frontend.GetConfig(50, 20).ShouldBe([.. Enumerable.Range(51, 10).Select(i => (byte)i), .. new byte[10]]);
        frontend.GetConfig(200, 56).ShouldBe(new byte[56]);
        frontend.SetConfig(32, [9]);
        frontend.GetConfig(31, 3).ShouldBe([32, 9, 34]);

        // The range alone, without room for the bytes, as some front ends ask.
        frontend.Send(VhostUserMessage.GetConfig, [2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        frontend.Receive(VhostUserMessage.GetConfig).ShouldBe([2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 6]);

    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(59, 2)]
    [InlineData(60, 1)]
    [InlineData(200, 4)]
    public void Configuration_that_the_device_refuses_is_answered_and_the_connection_goes_on(int offset, int length)
    {
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate();
        Should.Throw<VhostUserException>(() => frontend.SetConfig(offset, new byte[length])).Message.ShouldContain("SET_CONFIG");
        frontend.SetConfig(32, [9]);
        frontend.GetConfig(31, 3).ShouldBe([32, 9, 34]);
        harness.Log.Count(VhostUserEventKind.ConfigurationRefused).ShouldBe(1);
    }

    [Fact]
    public void The_state_of_a_device_is_that_of_its_start_for_each_front_end_and_after_a_reset()
    {
        var device = new TestDevice();
        for (int connection = 1; connection <= 2; connection++)
        {
            using var harness = new Harness(device);
            harness.FrontEnd.Negotiate();
            device.Resets.ShouldBe((2 * connection) - 1);
            harness.FrontEnd.ResetDevice();
            harness.FrontEnd.GetFeatures();
            device.Resets.ShouldBe(2 * connection);
        }
    }

    /// <summary>QEMU drops what it is told while its machine is paused: a disk that grew meanwhile kept its size in the guest for good.</summary>
    [Fact]
    public void A_configuration_that_changes_while_rings_are_stopped_is_told_when_they_are_started()
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        frontEnd.Negotiate();
        frontEnd.OpenBackendChannel();
        frontEnd.SetMemory(memory.Region());
        ShouldServe(frontEnd, memory, 0x1000, number: 1);
        frontEnd.WaitForConfigChange(Soon).ShouldBeFalse();
        frontEnd.StopQueue(0);
        harness.Connection.NotifyConfigChanged().ShouldBeTrue();
        frontEnd.WaitForConfigChange(Soon).ShouldBeFalse();
        ShouldServe(frontEnd, memory, 0x1000, number: 2);
        frontEnd.WaitForConfigChange(Harness.Patience).ShouldBeTrue();
        frontEnd.WaitForConfigChange(Soon).ShouldBeFalse();

        // Not read, for it was stopped: once more. Read: never again.
        frontEnd.StopQueue(0);
        ShouldServe(frontEnd, memory, 0x1000, number: 3);
        frontEnd.WaitForConfigChange(Harness.Patience).ShouldBeTrue();
        frontEnd.GetConfig(0, 1);
        frontEnd.StopQueue(0);
        ShouldServe(frontEnd, memory, 0x1000, number: 4);
        frontEnd.WaitForConfigChange(Soon).ShouldBeFalse();
    }

    /// <summary>QEMU does not ask when it connects again: what changed while there was no server stayed unknown to the guest.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_front_end_that_brings_a_record_of_requests_and_has_not_read_the_configuration_is_told_of_it(bool isRead)
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness();
        VhostUserFrontEnd frontEnd = harness.FrontEnd;
        frontEnd.Negotiate();
        frontEnd.OpenBackendChannel();
        frontEnd.SetMemory(memory.Region());
        if (isRead)
        {
            frontEnd.GetConfig(0, 1);
        }

        using VhostUserInflight inflight = frontEnd.GetInflight(1, 64);
        frontEnd.SetInflight(inflight);
        ShouldServe(frontEnd, memory, 0x1000, number: 1);
        frontEnd.WaitForConfigChange(isRead ? Soon : Harness.Patience).ShouldBe(!isRead);
    }

    [Fact]
    public void A_changed_configuration_is_told()
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.Connection.NotifyConfigChanged().ShouldBeFalse();
        harness.FrontEnd.OpenBackendChannel();
        harness.Connection.NotifyConfigChanged().ShouldBeTrue();
        harness.FrontEnd.WaitForConfigChange(Harness.Patience).ShouldBeTrue();
        harness.FrontEnd.WaitForConfigChange(TimeSpan.Zero).ShouldBeFalse();
    }

    [Fact]
    public void Without_the_feature_for_protocol_features_rings_start_enabled()
    {
        using var memory = new TestMemory(1 << 20);
        using var harness = new Harness();
        VhostUserFrontEnd frontend = harness.FrontEnd;
        frontend.Negotiate(features: TestDevice.Ring);
        frontend.SetMemory(memory.Region());
        ShouldServe(frontend, memory, 0x1000, number: 7);
    }

    [Fact]
    public void Only_a_unix_stream_socket_is_taken()
    {
        using var device = new TestDevice();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Should.Throw<ArgumentException>(() => new VhostUserConnection(socket, device));
    }

    [Fact]
    public async Task Cancelling_ends_a_connection_and_what_is_in_flight_is_finished()
    {
        using var memory = new TestMemory(1 << 20);
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        using var harness = new Harness();
        harness.Device.OnRequest = _ =>
        {
            entered.Set();
            return go.Wait(Harness.Patience);
        };
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(memory.Region());
        var driver = NewDriver(memory, 0x1000);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        driver.Submit(1);
        driver.Submit(2);
        queue.Kick();
        entered.Wait(Harness.Patience).ShouldBeTrue();
        Task<VhostUserEvent> end = Task.Run(harness.Cancel);
        await Task.Delay(200);
        end.IsCompleted.ShouldBeFalse("the request is in flight");
        go.Set();
        (await end.WaitAsync(Harness.Patience)).Kind.ShouldBe(VhostUserEventKind.Stopped);

        // The second request is served or not, as the cancellation came before or after it was looked for; the first one must be.
        driver.Reap().First().ShouldBe(1ul);
    }

    internal static TestDriver NewDriver(TestMemory memory, ulong at)
    {
        memory.Memory.Clear(at, TestDriver.Length);
        return new TestDriver(memory.Memory, at);
    }

    /// <summary>Starts the first queue anew and has one request done.</summary>
    internal static void ShouldServe(VhostUserFrontEnd frontEnd, TestMemory memory, ulong at, ulong number)
    {
        TestDriver driver = NewDriver(memory, at);
        using VhostUserFrontEndQueue queue = frontEnd.StartQueue(0, driver.Layout);
        driver.Submit(number);
        queue.Kick();
        driver.WaitForAll(queue).ShouldBe([number]);
    }
}
