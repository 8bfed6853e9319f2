using System.Diagnostics;
using System.IO.Pipes;
using System.Net.Sockets;

using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The state of a stopped device goes over a descriptor to the one that goes on for it, and whoever is at the other end holds nobody up.</summary>
public sealed class DeviceStateTests : IDisposable
{
    private static readonly byte[] Changed = [.. Enumerable.Range(100, 52).Select(i => (byte)i)];

    private readonly TestMemory _memory = new(1 << 20);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void What_one_device_saves_another_loads()
    {
        byte[] state;
        using (Harness source = NewHarness())
        {
            source.FrontEnd.SetConfig(8, Changed);
            ConversationTests.ShouldServe(source.FrontEnd, _memory, 0x1000, 1);
            source.FrontEnd.StopQueue(0);
            state = source.FrontEnd.SaveDeviceState();
            source.Log.Count(VhostUserEventKind.StateTransferred).ShouldBe(1);

            // Nothing is changed by that.
            source.FrontEnd.SaveDeviceState().ShouldBe(state);
        }

        using Harness target = NewHarness();
        target.FrontEnd.GetConfig(8, 52).ShouldNotBe(Changed);
        target.FrontEnd.LoadDeviceState(state);
        target.FrontEnd.GetConfig(8, 52).ShouldBe(Changed);
        ConversationTests.ShouldServe(target.FrontEnd, _memory, 0x1000, 2);
        target.Log.ToString().ShouldContain("state: loaded");
    }

    [Fact]
    public void A_state_is_loaded_before_features_are_set_as_well()
    {
        using Harness source = NewHarness();
        using var target = new Harness();
        target.FrontEnd.SetProtocolFeatures(target.FrontEnd.GetProtocolFeatures());
        target.FrontEnd.LoadDeviceState(source.FrontEnd.SaveDeviceState());
    }

    [Fact]
    public void What_the_guest_chose_about_the_cache_of_a_disk_goes_with_it_and_a_disk_of_another_size_is_refused()
    {
        using var image = new TemporaryFile(1 << 20);
        using var larger = new TemporaryFile(2 << 20);
        byte[] state;
        using (var source = new VirtioBlockDevice(image.Path))
        {
            source.TryWriteConfig(32, [0]).ShouldBeTrue();
            state = DeviceState.Save(source, source.OfferedFeatures);
        }

        using var target = new VirtioBlockDevice(image.Path);
        byte[] writeback = new byte[1];
        target.ReadConfig(32, writeback);
        writeback[0].ShouldBe((byte)1);
        DeviceState.Load(target, state, target.OfferedFeatures, null).ShouldBeNull();
        target.ReadConfig(32, writeback);
        writeback[0].ShouldBe((byte)0);
        using var other = new VirtioBlockDevice(larger.Path);
        DeviceState.Load(other, state, other.OfferedFeatures, null).ShouldNotBeNull().ShouldContain("another size");

        // With more queues: the byte before their number has been written by then, and is as it was again.
        using var third = new TemporaryFile(1 << 20);
        using var more = new VirtioBlockDevice(third.Path, new VirtioBlockOptions { QueueCount = 2 });
        DeviceState.Load(more, state, ulong.MaxValue, null).ShouldNotBeNull();
        more.ReadConfig(32, writeback);
        writeback[0].ShouldBe((byte)1);
    }

    [Fact]
    public void What_is_no_state_of_the_device_is_answered_by_an_error_and_changes_nothing()
    {
        using Harness harness = NewHarness();
        byte[] config = harness.FrontEnd.GetConfig(0, 60);
        byte[] state = harness.FrontEnd.SaveDeviceState();
        List<byte[]> wrong = [[], state[..^1], [.. state, 0], new byte[4 << 20], new byte[state.Length]];
        for (int i = 0; i < state.Length; i++)
        {
            byte[] damaged = [.. state];
            damaged[i] ^= 0x10;
            wrong.Add(damaged);
        }

        // In order, but of another device: of features that are not offered, or were not set, and of a configuration that cannot be written.
        ulong features = harness.FrontEnd.Features & ~VhostUserConnection.ProtocolFeaturesBit;
        wrong.Add(DeviceState.Save(harness.Device, features | (1UL << 60)));
        wrong.Add(DeviceState.Save(harness.Device, features & ~VirtioFeatures.EventIndex));
        using var image = new TemporaryFile(1 << 20);
        using var disk = new VirtioBlockDevice(image.Path);
        wrong.Add(DeviceState.Save(disk, features));
        wrong.Add(DeviceState.Save(new OtherConfiguration(harness.Device), features));
        foreach (byte[] bytes in wrong)
        {
            Should.Throw<VhostUserException>(() => harness.FrontEnd.LoadDeviceState(bytes));
            harness.FrontEnd.GetConfig(0, 60).ShouldBe(config);
        }

        harness.Log.Count(VhostUserEventKind.StateRefused).ShouldBe(wrong.Count);
        harness.FrontEnd.LoadDeviceState(state);
    }

    [Fact]
    public void A_device_that_is_not_stopped_and_what_is_not_known_is_refused()
    {
        using Harness harness = NewHarness();
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        Should.Throw<VhostUserException>(() => harness.FrontEnd.EndState());
        Should.Throw<VhostUserException>(() => harness.FrontEnd.BeginState(2, pipe.ClientSafePipeHandle));
        Should.Throw<VhostUserException>(() => harness.FrontEnd.BeginState(0, pipe.ClientSafePipeHandle, phase: 1));
        Should.Throw<VhostUserException>(() => harness.FrontEnd.BeginState(0, _memory.File));
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using (harness.FrontEnd.StartQueue(0, driver.Layout))
        {
            Should.Throw<VhostUserException>(() => harness.FrontEnd.SaveDeviceState());
            byte[] state = DeviceState.Save(harness.Device, TestDevice.Ring);
            Should.Throw<VhostUserException>(() => harness.FrontEnd.LoadDeviceState(state));
        }

        harness.FrontEnd.StopQueue(0);
        harness.FrontEnd.SaveDeviceState().Length.ShouldBe(DeviceState.LengthOf(harness.Device));
    }

    /// <summary>The front end asks how it went, and leaves the pipe open.</summary>
    [Fact]
    public void This_side_ends_without_waiting_for_a_state_that_does_not()
    {
        using var harness = new Harness(options: new VhostUserOptions { MessageTimeout = TimeSpan.FromHours(1) });
        harness.FrontEnd.Negotiate();
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        harness.FrontEnd.BeginState(1, pipe.ClientSafePipeHandle);
        long messages = harness.Connection.Statistics.Messages;
        harness.FrontEnd.Send(M.CheckState);
        Harness.Eventually(() => harness.Connection.Statistics.Messages > messages, "the message is received");
        harness.Cancel().Kind.ShouldBe(VhostUserEventKind.Stopped);
    }

    [Theory]
    [InlineData(M.SetStateDescriptor)]
    [InlineData(M.CheckState)]
    public void It_is_for_those_who_agreed_on_it(M message)
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate(protocolFeatures: ~VhostUserProtocolFeatures.DeviceState);
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        Should.Throw<VhostUserException>(() =>
        {
            if (message == M.CheckState)
            {
                harness.FrontEnd.EndState();
            }
            else
            {
                harness.FrontEnd.BeginState(0, pipe.ClientSafePipeHandle);
            }
        });
        VhostUserEvent end = harness.End();
        (end.Kind, end.Message).ShouldBe((VhostUserEventKind.ProtocolError, message));
    }

    [Fact]
    public void A_socket_carries_it_as_well()
    {
        using Harness harness = NewHarness();
        harness.FrontEnd.SetConfig(8, Changed);
        byte[] state = new byte[4096];
        (Socket theirs, Socket ours) = VhostUserSocketPair.Create();
        using (ours)
        {
            using (theirs)
            {
                harness.FrontEnd.BeginState(0, theirs.SafeHandle);
            }

            int length = 0;
            for (int got; (got = ours.Receive(state.AsSpan(length))) != 0; length += got)
            {
            }

            harness.FrontEnd.EndState();
            state = state[..length];
        }

        state.ShouldBe(harness.FrontEnd.SaveDeviceState());
        harness.FrontEnd.SetConfig(8, new byte[52]);
        (theirs, ours) = VhostUserSocketPair.Create();
        using (ours)
        {
            using (theirs)
            {
                harness.FrontEnd.BeginState(1, theirs.SafeHandle);
            }

            ours.Send(state);
            ours.Shutdown(SocketShutdown.Send);
            harness.FrontEnd.EndState();
        }

        harness.FrontEnd.GetConfig(8, 52).ShouldBe(Changed);
    }

    /// <summary>Nothing is read of a full pipe, nothing is written, or a byte at a time: other messages are answered meanwhile, and the question how it went as well.</summary>
    [Theory]
    [InlineData("full")]
    [InlineData("silent")]
    [InlineData("slow")]
    public void Whoever_stops_in_the_middle_holds_nobody_up(string how)
    {
        using Harness harness = NewHarness(TimeSpan.FromMilliseconds(300));
        byte[] state = harness.FrontEnd.SaveDeviceState();
        using (var pipe = new AnonymousPipeServerStream(how == "full" ? PipeDirection.In : PipeDirection.Out))
        {
            if (how == "full")
            {
                using var filling = new FileStream(new SafeFileHandle(pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false), FileAccess.Write, bufferSize: 0);
                filling.Write(new byte[65536]);
            }

            harness.FrontEnd.BeginState(how == "full" ? 0U : 1, pipe.ClientSafePipeHandle);
            bool isOver = false;
            var dripping = new Thread(() =>
            {
                for (int i = 0; how == "slow" && i < state.Length - 1 && !Volatile.Read(ref isOver); i++)
                {
                    try
                    {
                        pipe.Write(state, i, 1);
                    }
                    catch (IOException)
                    {
                        return;
                    }

                    Thread.Sleep(50);
                }
            });
            dripping.Start();
            var clock = Stopwatch.StartNew();
            harness.FrontEnd.GetFeatures().ShouldNotBe(0UL);
            Should.Throw<VhostUserException>(() => harness.FrontEnd.EndState());
            clock.Elapsed.ShouldBeLessThan(Harness.Patience);
            Volatile.Write(ref isOver, true);
            dripping.Join();
        }

        // And another one begins while one is under way.
        using (var pipe = new AnonymousPipeServerStream(PipeDirection.Out))
        {
            harness.FrontEnd.BeginState(1, pipe.ClientSafePipeHandle);
            harness.FrontEnd.LoadDeviceState(state);
        }

        harness.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    [Theory]
    [InlineData(0U)]
    [InlineData(1U)]
    public void A_front_end_that_leaves_in_the_middle_leaves_nothing_behind(uint direction)
    {
        using Harness harness = NewHarness();
        using var pipe = new AnonymousPipeServerStream(direction == 0 ? PipeDirection.In : PipeDirection.Out);
        harness.FrontEnd.BeginState(direction, pipe.ClientSafePipeHandle);
        pipe.DisposeLocalCopyOfClientHandle();
        harness.FrontEnd.Dispose();
        harness.End().Kind.ShouldBe(VhostUserEventKind.Disconnected);
        if (direction == 0)
        {
            using var all = new MemoryStream();

            // To its end: nobody else has it open.
            pipe.CopyTo(all);
            all.Length.ShouldBe(DeviceState.LengthOf(harness.Device));
        }
        else
        {
            Should.Throw<IOException>(() => pipe.Write(new byte[1]));
        }
    }

    private Harness NewHarness(TimeSpan? patience = null)
    {
        var harness = new Harness(options: patience is { } limit ? new VhostUserOptions { MessageTimeout = limit } : null);
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        return harness;
    }

    /// <summary>The same device with another byte where none may be written.</summary>
    private sealed class OtherConfiguration(TestDevice device) : IVirtioDevice
    {
        public VirtioDeviceType DeviceType => device.DeviceType;

        public ulong OfferedFeatures => device.OfferedFeatures;

        public int QueueCount => device.QueueCount;

        public ushort MaxQueueSize => device.MaxQueueSize;

        public int ConfigLength => device.ConfigLength;

        public void ReadConfig(uint offset, Span<byte> destination)
        {
            device.ReadConfig(offset, destination);
            destination[7] ^= 1;
            destination[20] ^= 1;
        }

        public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source) => false;

        public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
