using System.Runtime.InteropServices;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A front end that closes the channel for misses, at each point there is. Translations are waited for without limit here: what ends, ends for that.</summary>
public sealed class ClosedChannelTests : IDisposable
{
    private const ulong Page = GuestAddress.PageSize;
    private const ulong Iova = TranslationBed.Iova;
    private const ulong Data = Iova + 0x4000;
    private const int ReplyLength = MessageHeader.Length + sizeof(ulong);

    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly TestMemory _memory = new(1 << 20);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void While_rings_are_awaited()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        bed.FrontEnd.CloseBackendChannel();
        ShouldBreakTheRing(bed);
        ShouldGoOn(bed);
    }

    [Fact]
    public void Before_anything_is_asked()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Serve();
        ushort at = bed.FrontEnd.StopQueue(0);
        bed.FrontEnd.CloseBackendChannel();
        bed.FrontEnd.InvalidateTranslation(0, 0);
        bed.Restart(at);
        bed.Driver.Submit(2);
        ShouldBreakTheRing(bed);
        ShouldGoOn(bed);
    }

    /// <summary>Closed before the features say that there are translations at all.</summary>
    [Fact]
    public void Before_the_memory_is_known()
    {
        using var harness = new Harness(options: new VhostUserOptions { OfferAddressTranslation = true, TranslationTimeout = Never });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.OpenBackendChannel();
        harness.FrontEnd.CloseBackendChannel();
        harness.FrontEnd.SetMemory(_memory.Region());
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, new VirtQueueLayout(16, Iova, Iova + 0x1000, Iova + 0x2000));
        queue.WaitForError(Harness.Patience).ShouldBeTrue();
        harness.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    public static TheoryData<int, bool> PartsOfReplies
    {
        get
        {
            var data = new TheoryData<int, bool>();
            for (int length = 0; length <= ReplyLength; length++)
            {
                data.Add(length, true);
                data.Add(length, false);
            }

            return data;
        }
    }

    /// <summary>With any part of a reply, which says that the translation was given, or that it is refused.</summary>
    [Theory]
    [MemberData(nameof(PartsOfReplies))]
    public void In_the_middle_of_a_reply(int length, bool isDone)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        byte[] reply = new byte[ReplyLength];
        MemoryMarshal.Write(reply, new MessageHeader
        {
            Request = (VhostUserMessage)VhostUserConnection.BackendTranslation,
            Flags = MessageHeader.Version | MessageHeader.ReplyFlag,
            PayloadLength = sizeof(ulong),
        });
        reply[MessageHeader.Length] = isDone ? (byte)0 : (byte)1;
        if (length != 0)
        {
            bed.FrontEnd.SendRawReply(reply.AsSpan(0, length));
        }

        bed.FrontEnd.CloseBackendChannel();
        ShouldBreakTheRing(bed);
        ShouldGoOn(bed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void While_a_buffer_is_awaited(bool isAsync)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: true, new ThrowingHandler(isAsync));
        bed.Driver.Submit(1);
        bed.Serve();
        for (int round = 1; round <= 5; round++)
        {
            bed.FrontEnd.InvalidateTranslation(Data, Page);
            bed.Driver.Offer(0);
            bed.Driver.Take();
            bed.Queue.Kick();
            bed.FrontEnd.WaitForMiss(Harness.Patience, out ulong address, out _).ShouldBeTrue();
            address.ShouldBe(Data);
            bed.FrontEnd.CloseBackendChannel();
            Harness.Eventually(() => bed.Harness.Connection.Statistics.BufferFailures == round, "the request fails");
            Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.BackendChannelClosed) == round, "it is told");
            bed.FrontEnd.OpenBackendChannel();
            bed.Serve();
            bed.Driver.Submit(2);
            bed.Queue.Kick();
            bed.Serve();
        }

        GuestMemoryFault fault = bed.Harness.Log.Events.First(what => what.Kind == VhostUserEventKind.BufferFault).Fault!.Value;
        (fault.Kind, fault.Cause, fault.Address).ShouldBe((GuestMemoryFaultKind.NotTranslated, FaultCause.Translation, new GuestAddress(Data)));
        bed.Harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
    }

    /// <summary>What the front end gave before it closed the channel has been given, however close it was.</summary>
    [Fact]
    public void After_the_last_translation_was_given()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Serve();
        for (int round = 0; round < 50; round++)
        {
            bed.FrontEnd.InvalidateTranslation(Data, Page);
            bed.Driver.Submit(2);
            bed.Queue.Kick();
            bed.FrontEnd.WaitForMiss(Harness.Patience, out ulong address, out _).ShouldBeTrue();
            address.ShouldBe(Data);

            // Without a wait for any of it: the back end may hear of the end first.
            for (ulong i = 0; i < 500; i++)
            {
                Give(bed, Iova + (1 << 30) + (i * Page), 0);
            }

            Give(bed, Data, bed.Map[Data]);
            if (round % 2 == 0)
            {
                bed.FrontEnd.ReplyToMiss(isTranslated: true);
            }

            bed.FrontEnd.CloseBackendChannel();
            Harness.Eventually(
                () =>
                {
                    bed.Driver.Reap();
                    return bed.Driver.Outstanding == 0;
                },
                "the request is served");
            bed.FrontEnd.OpenBackendChannel();
        }

        bed.Harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
    }

    /// <summary>What is known is used without the channel.</summary>
    [Fact]
    public void After_all_was_given()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Serve();
        bed.FrontEnd.CloseBackendChannel();
        Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.BackendChannelClosed) == 1, "it is told");
        for (ulong i = 0; i < 20; i++)
        {
            bed.Driver.Submit(i);
            bed.Queue.Kick();
            Harness.Eventually(
                () =>
                {
                    bed.Driver.Reap();
                    return bed.Driver.Outstanding == 0;
                },
                "the request is served");
        }

        bed.Harness.Log.Count(VhostUserEventKind.BackendChannelClosed).ShouldBe(1);
    }

    [Fact]
    public void By_a_front_end_without_replies()
    {
        using var harness = new Harness(options: new VhostUserOptions
        {
            OfferAddressTranslation = true,
            TranslationTimeout = Never,
            ProtocolFeatureMask = VhostUserProtocolFeatures.All & ~VhostUserProtocolFeatures.ReplyAcknowledge,
        });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.OpenBackendChannel();
        harness.FrontEnd.SetMemory(_memory.Region());
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, new VirtQueueLayout(16, Iova, Iova + 0x1000, Iova + 0x2000));
        harness.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();

        // What it sends there is nobody's, and keeps nobody.
        harness.FrontEnd.SendRawReply(new byte[100]);
        harness.FrontEnd.GetFeatures().ShouldNotBe(0UL);
        harness.FrontEnd.CloseBackendChannel();
        queue.WaitForError(Harness.Patience).ShouldBeTrue();
        Harness.Eventually(() => harness.Log.Count(VhostUserEventKind.BackendChannelClosed) == 1, "it is told");
    }

    /// <summary>A thread in the middle of an access, where no queue holds its chain back.</summary>
    [Fact]
    public async Task While_an_access_waits()
    {
        int asked = 0;
        var iotlb = new DeviceIotlb(
            (_, _) =>
            {
                Interlocked.Increment(ref asked);
                return true;
            },
            Never)
        { IsReplied = true };
        Task<bool> waits = Task.Run(() => iotlb.OnMiss(Data, AccessType.Write));
        Harness.Eventually(() => Volatile.Read(ref asked) != 0, "it is asked for");
        waits.IsCompleted.ShouldBeFalse();
        iotlb.Silence();
        (await waits.WaitAsync(Harness.Patience)).ShouldBeFalse();
        iotlb.OnMiss(Data, AccessType.Read).ShouldBeFalse("nobody can be asked");

        // Over another channel it can.
        iotlb.ForgetReplies();
        waits = Task.Run(() => iotlb.OnMiss(Data, AccessType.Write));
        iotlb.Update(new Translation.AddressTranslation(Data, 0, Page, Protection.ReadWrite));
        (await waits.WaitAsync(Harness.Patience)).ShouldBeTrue();
    }

    /// <summary>Gives a translation, without a wait for an acknowledgement.</summary>
    private static void Give(TranslationBed bed, ulong iova, ulong target)
    {
        var message = new IotlbMessage(
            iova, Page, TestMemory.UserOffset + target, IotlbMessage.ReadPermission | IotlbMessage.WritePermission, IotlbMessageType.Update);
        bed.FrontEnd.Send(VhostUserMessage.TranslationMessage, MemoryMarshal.AsBytes(new ReadOnlySpan<IotlbMessage>(in message)));
    }

    private static void ShouldBreakTheRing(TranslationBed bed)
    {
        bed.Queue.WaitForError(Harness.Patience).ShouldBeTrue();
        Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1, "the ring is broken");
        GuestMemoryFault fault = bed.Harness.Log.Events.Single(what => what.Kind == VhostUserEventKind.RingBroken).Fault!.Value;
        (fault.Kind, fault.Cause).ShouldBe((GuestMemoryFaultKind.NotTranslated, FaultCause.Translation));
        (fault.Address!.Value.Value & ~(Page - 1)).ShouldBeInRange(Iova, Iova + 0x3000);
        bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    private static void ShouldGoOn(TranslationBed bed)
    {
        bed.FrontEnd.OpenBackendChannel();
        bed.Restart(bed.FrontEnd.StopQueue(0));
        bed.Serve();
    }
}
