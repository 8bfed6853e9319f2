using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Each wrong message closes the connection, with a line that names it and the reason, and leaves nothing behind.</summary>
[Trait("Category", "slow")]
public class InvalidMessageTests
{
    /// <summary>All messages that are offered.</summary>
    public static TheoryData<uint> Offered => [.. Enumerable.Range(0, 64).Select(i => (uint)i).Where(i => MessageRule.Of((M)i) is not null)];

    [Theory]
    [MemberData(nameof(Offered))]
    public void A_payload_too_short_or_too_long_is_refused(uint id)
    {
        MessageRule rule = MessageRule.Of((M)id)!.Value;
        if (rule.Least > 0)
        {
            Refused((M)id, new byte[rule.Least - 1], [], "payload of");
        }

        Refused((M)id, new byte[rule.Most + 1], [], "payload of");
        Refused((M)id, new byte[300], [], "payload of");
    }

    [Theory]
    [MemberData(nameof(Offered))]
    public void More_descriptors_than_it_has_are_refused_and_closed(uint id)
    {
        MessageRule rule = MessageRule.Of((M)id)!.Value;
        using var queue = new VhostUserFrontEndQueue(0);
        foreach (int more in (int[])[1, 7, 40])
        {
            Refused((M)id, new byte[rule.Least], [.. Enumerable.Repeat(queue.KickHandle, rule.Descriptors + more)], "descriptors");
        }
    }

    [Theory]
    [InlineData(0, "NONE")]
    [InlineData(7, "SET_LOG_FD")]
    [InlineData(19, "SEND_RARP")]
    [InlineData(28, "POSTCOPY_ADVISE")]
    [InlineData(35, "VRING_KICK")]
    [InlineData(39, "SET_STATUS")]
    [InlineData(77, "message 77")]
    [InlineData(uint.MaxValue, "message 4294967295")]
    public void An_unknown_message_is_refused(uint id, string name)
    {
        using var queue = new VhostUserFrontEndQueue(0);
        Refused((M)id, [], [], "not supported").ToString().ShouldContain($"protocol error: {name}: ");
        Refused((M)id, new byte[8], [queue.KickHandle], "not supported");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(0x11)]
    [InlineData(unchecked((int)0x8000_0001))]
    public void Wrong_flags_are_refused(int flags) =>
        Refused(harness => harness.FrontEnd.Send(M.GetFeatures, [], (uint)flags), M.GetFeatures, "flags");

    [Theory]
    [InlineData(M.GetQueueCount, 0)]
    [InlineData(M.GetConfig, 12)]
    [InlineData(M.SetConfig, 12)]
    [InlineData(M.GetInflight, 24)]
    [InlineData(M.SetInflight, 24)]
    [InlineData(M.ResetDevice, 0)]
    [InlineData(M.GetMaxMemorySlots, 0)]
    [InlineData(M.AddMemoryRegion, 40)]
    [InlineData(M.SetLogBase, 16)]
    [InlineData(M.RemoveMemoryRegion, 40)]
    [InlineData(M.SetBackendChannel, 0)]
    public void What_needs_a_protocol_feature_is_refused_without_it(M message, int length)
    {
        Refused(harness => harness.FrontEnd.Send(message, new byte[length]), message, "needs the protocol feature");
        Refused(
            harness =>
            {
                harness.FrontEnd.Negotiate(protocolFeatures: VhostUserProtocolFeatures.All & ~MessageRule.Of(message)!.Value.Needs);
                harness.FrontEnd.Send(message, new byte[length]);
            },
            message,
            "needs the protocol feature");
    }

    [Fact]
    public void Features_that_were_not_offered_are_refused()
    {
        Refused(M.SetFeatures, Word(1UL << 27), [], "features 0x8000000 were not offered");
        Refused(M.SetProtocolFeatures, Word(1UL << 2), [], "protocol features 0x4 were not offered");
        var options = new VhostUserOptions { FeatureMask = ~(1UL << 30) };
        Refused(harness => harness.FrontEnd.Send(M.GetProtocolFeatures), M.GetProtocolFeatures, "was not offered", options);
        Refused(harness => harness.FrontEnd.Send(M.SetProtocolFeatures, Word(0)), M.SetProtocolFeatures, "was not offered", options);
        Refused(harness => harness.FrontEnd.Send(M.SetVringEnable, Numbers(0, 1)), M.SetVringEnable, "has not been set", options);
    }

    [Theory]
    [InlineData(M.SetVringSize)]
    [InlineData(M.SetVringBase)]
    [InlineData(M.GetVringBase)]
    [InlineData(M.SetVringEnable)]
    public void A_queue_that_is_not_there_is_refused(M message)
    {
        Refused(message, Numbers(1, 1), [], "there is no queue 1; the device has 1");
        Refused(message, Numbers(uint.MaxValue, 1), [], "there is no queue 4294967295");
    }

    [Theory]
    [InlineData(M.SetVringSize, 0, "not a power of two")]
    [InlineData(M.SetVringSize, 3, "not a power of two")]
    [InlineData(M.SetVringSize, 512, "more than the 256")]
    [InlineData(M.SetVringBase, 65536, "more than 16 bits")]
    [InlineData(M.SetVringEnable, 2, "neither 0 nor 1")]
    public void A_value_out_of_its_range_is_refused(M message, uint value, string reason) =>
        Refused(message, Numbers(0, value), [], reason);

    [Theory]
    [InlineData(M.SetVringKick)]
    [InlineData(M.SetVringCall)]
    [InlineData(M.SetVringError)]
    public void Events_must_be_events(M message)
    {
        using var queue = new VhostUserFrontEndQueue(0);
        using var memory = new TestMemory(4096);
        using SafeFileHandle file = File.OpenHandle("/dev/null");
        Refused(message, Word(0), [], "there is no descriptor");
        Refused(message, Word(0x100), [queue.KickHandle], "the flag that there is none");
        Refused(message, Word(0x200), [queue.KickHandle], "not defined");
        Refused(message, Word(1), [queue.KickHandle], "there is no queue 1");
        Refused(message, Word(0), [memory.File], "neither an eventfd nor a pipe nor a socket");
        Refused(message, Word(0), [file], "neither an eventfd nor a pipe nor a socket");
    }

    [Fact]
    public void The_channel_of_the_back_end_must_be_a_socket()
    {
        using var queue = new VhostUserFrontEndQueue(0);
        Refused(M.SetBackendChannel, [], [], "there is no descriptor");
        Refused(M.SetBackendChannel, [], [queue.KickHandle], "no socket");
    }

    [Theory]
    [InlineData(0, 257, 12)]
    [InlineData(257, 0, 12)]
    [InlineData(200, 57, 12)]
    [InlineData(uint.MaxValue, 1, 13)]
    [InlineData(1, uint.MaxValue, 12)]
    [InlineData(0, 8, 19)]
    [InlineData(0, 8, 21)]
    public void Configuration_out_of_range_is_refused(uint offset, uint size, int length)
    {
        byte[] payload = new byte[length];
        Numbers(offset, size).CopyTo(payload, 0);
        Refused(M.GetConfig, payload, [], "configuration");
        Refused(M.SetConfig, payload, [], "configuration");
    }

    [Fact]
    public void Configuration_that_cannot_be_written_is_refused()
    {
        Refused(M.SetConfig, [32, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1], [], "flags 0x2");
        Refused(M.SetConfig, [32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [], "payload of 12 bytes");
    }

    [Fact]
    public void Descriptors_within_the_payload_are_refused()
    {
        using var queue = new VhostUserFrontEndQueue(0);
        Refused(
            harness =>
            {
                harness.FrontEnd.SendRaw(VhostUserFrontEnd.Payload(new MessageHeader { Request = M.SetVringCall, Flags = 1, PayloadLength = 8 }));
                harness.FrontEnd.SendRaw(Word(0), queue.CallHandle);
            },
            null,
            "descriptors");
    }

    [Fact]
    public void A_message_that_is_not_finished_is_given_up()
    {
        var options = new VhostUserOptions { MessageTimeout = TimeSpan.FromMilliseconds(100) };
        using var harness = new Harness(options: options);
        harness.FrontEnd.GetFeatures();
        harness.FrontEnd.SendRaw([1, 0, 0]);
        harness.End().ToString().ShouldContain("connection lost: the front end neither sent the rest of a message");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(MessageHeader.Length + 1)]
    public void A_message_that_comes_a_byte_at_a_time_is_given_up(int most)
    {
        var options = new VhostUserOptions { MessageTimeout = TimeSpan.FromMilliseconds(300) };
        using var harness = new Harness(options: options);
        byte[] message = [.. VhostUserFrontEnd.Payload(new MessageHeader { Request = M.SetFeatures, Flags = 1, PayloadLength = 8 }), .. Word(0)];
        harness.FrontEnd.SendRaw(message.AsSpan(0, most - 4));

        // Each byte comes well within the time, all of them do not.
        for (int i = most - 4; i < message.Length && harness.FrontEnd.SendRaw(message.AsSpan(i, 1)); i++)
        {
            Thread.Sleep(150);
        }

        harness.End().ToString().ShouldContain("connection lost: the front end neither sent the rest of");
    }

    [Fact]
    public void A_front_end_that_goes_in_the_middle_of_a_message_is_told_from_one_that_leaves()
    {
        using var harness = new Harness();
        harness.FrontEnd.SendRaw([1, 0, 0]);
        harness.FrontEnd.Dispose();
        harness.End().ToString().ShouldContain("connection lost: the front end closed the connection in the middle of a message");
    }

    [Fact]
    public void A_front_end_that_does_not_take_replies_is_given_up()
    {
        var options = new VhostUserOptions { MessageTimeout = TimeSpan.FromMilliseconds(200) };
        using var harness = new Harness(options: options);
        byte[] get = VhostUserFrontEnd.Payload(new MessageHeader { Request = M.GetFeatures, Flags = 1 });
        byte[] many = [.. Enumerable.Repeat(get, 100).SelectMany(bytes => bytes)];
        Exception? stopped = Record.Exception(() =>
        {
            for (int i = 0; i < 100_000 && harness.FrontEnd.SendRaw(many); i++)
            {
            }
        });
        stopped.ShouldBeNull();
        harness.End().ToString().ShouldContain("nor took the reply to it");
    }

    [Fact]
    public void A_refused_message_is_answered_where_answers_were_agreed_on()
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.Send(M.SetVringSize, Numbers(0, 3), MessageHeader.Version | MessageHeader.NeedReplyFlag);
        harness.FrontEnd.Receive(M.SetVringSize).ShouldBe(Word(1));
        harness.FrontEnd.WaitForClose().ShouldBeTrue();
    }

    internal static byte[] Word(ulong value) => BitConverter.GetBytes(value);

    internal static byte[] Numbers(uint first, uint second) => [.. BitConverter.GetBytes(first), .. BitConverter.GetBytes(second)];

    internal static VhostUserEvent Refused(M message, byte[] payload, SafeFileHandle[] descriptors, string reason) => Refused(
        harness =>
        {
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.Send(message, payload, MessageHeader.Version, descriptors);
        },
        message,
        reason);

    /// <summary>Does something wrong at the end, and checks what comes of it.</summary>
    internal static VhostUserEvent Refused(Action<Harness> action, M? message, string reason, VhostUserOptions? options = null)
    {
        VhostUserEvent end = null!;
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var harness = new Harness(options: options);
            action(harness);
            end = harness.End();
            end.Kind.ShouldBe(VhostUserEventKind.ProtocolError, end.ToString());
            (message is null || end.Message == message).ShouldBeTrue(end.ToString());
            end.ToString().ShouldContain(reason);
            harness.FrontEnd.WaitForClose().ShouldBeTrue();
            harness.Log.Count(VhostUserEventKind.ProtocolError).ShouldBe(1);
            harness.Connection.Statistics.Errors.ShouldBe(1);
        });
        return end;
    }
}
