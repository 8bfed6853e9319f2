using System.Runtime.InteropServices;

using Hyperspan.Translation;
using Hyperspan.Virtio;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>What a front end says about a translation that there is none for: refused at once, late, never, or nonsense.</summary>
public sealed class RefusedTranslationTests : IDisposable
{
    private const ulong Mega = 1 << 20;
    private const ulong Page = GuestAddress.PageSize;
    private const ulong Iova = TranslationBed.Iova;
    private const ulong Data = Iova + 0x4000;

    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    // Longer than a busy machine takes to answer.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly TestMemory _memory = new(Mega);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void A_refused_translation_fails_its_request_without_being_waited_for()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        TakeDataAway(bed);
        bed.Driver.Offer(0);
        bed.Queue.Kick();
        bed.ServeUntil(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1);
        VhostUserEvent broken = bed.Harness.Log.Events.Single(what => what.Kind == VhostUserEventKind.RingBroken);
        broken.Fault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.NotTranslated);
        broken.Fault!.Value.Address.ShouldBe(new GuestAddress(Data));

        // Who has refused it need not be told.
        bed.FrontEnd.WaitForAccessFailure(TimeSpan.FromMilliseconds(20), out _, out _).ShouldBeFalse();
        bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    [Theory]
    [InlineData(Iova)]
    [InlineData(Iova + 0x1000)]
    [InlineData(Iova + 0x2000)]
    public void A_ring_that_is_refused_is_broken(ulong ring)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Refused.Add(ring);
        bed.Driver.Submit(1);
        bed.ServeUntil(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1);
        GuestMemoryFault fault = bed.Harness.Log.Events.Single(what => what.Kind == VhostUserEventKind.RingBroken).Fault!.Value;
        (fault.Kind, fault.Address!.Value.Value & ~(Page - 1)).ShouldBe((GuestMemoryFaultKind.NotTranslated, ring));

        // Set up anew when there is a translation, it is served.
        bed.Refused.Clear();
        bed.Restart(bed.FrontEnd.StopQueue(0));
        bed.Serve();
    }

    [Fact]
    public void What_is_given_after_it_was_refused_is_used()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        for (ulong round = 1; round < 10; round++)
        {
            TakeDataAway(bed);
            bed.Driver.Offer(0);
            bed.Queue.Kick();
            bed.ServeUntil(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == (int)round);
            bed.Refused.Clear();
            bed.Restart((ushort)(bed.FrontEnd.StopQueue(0) - 1));
            bed.Driver.Take();
            bed.Serve();
        }
    }

    [Fact]
    public void Who_never_replies_is_waited_for_no_longer_than_the_limit()
    {
        using var bed = new TranslationBed(_memory, Limit, recorded: false) { Replies = false };
        TakeDataAway(bed);
        bed.Driver.Offer(0);
        bed.Queue.Kick();
        bed.Queue.WaitForError(Harness.Patience).ShouldBeTrue();
        bed.FrontEnd.WaitForAccessFailure(Harness.Patience, out ulong failed, out _).ShouldBeTrue();
        failed.ShouldBe(Data);
    }

    [Fact]
    public void A_reply_that_comes_late_says_nothing_of_what_was_asked_since()
    {
        using var bed = new TranslationBed(_memory, Limit, recorded: false);
        TakeDataAway(bed);
        bed.Driver.Offer(0);
        bed.Queue.Kick();
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        bed.Queue.WaitForError(Harness.Patience).ShouldBeTrue();
        bed.Refused.Clear();
        Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1, "the ring is broken");
        bed.Restart((ushort)(bed.FrontEnd.StopQueue(0) - 1));
        bed.Driver.Take();
        bed.FrontEnd.ReplyToMiss(isTranslated: false).ShouldBeTrue();
        bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
        bed.Serve();
    }

    public static TheoryData<byte[]> Garbage => new()
    {
        Reply(VhostUserConnection.ConfigChange, MessageHeader.Version | MessageHeader.ReplyFlag, 8),
        Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version, 8),
        Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version | MessageHeader.ReplyFlag | MessageHeader.NeedReplyFlag, 8),
        Reply(VhostUserConnection.BackendTranslation, 2 | MessageHeader.ReplyFlag, 8),
        Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version | MessageHeader.ReplyFlag, 7),
        Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version | MessageHeader.ReplyFlag, uint.MaxValue),
        new byte[4096],
        Enumerable.Repeat((byte)0xff, 100_000).ToArray(),
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public void What_is_no_reply_ends_the_connection(byte[] bytes)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        bed.FrontEnd.SendRawReply(bytes);
        bed.FrontEnd.WaitForClose().ShouldBeTrue();
        bed.Harness.End().Kind.ShouldBe(VhostUserEventKind.ProtocolError);
    }

    [Fact]
    public void A_reply_to_nothing_ends_the_connection()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.Serve();
        for (int i = 0; i <= DeviceIotlb.MostAwaited; i++)
        {
            // Those that were not asked for, among them what the service above left.
            bed.FrontEnd.SendReply((M)VhostUserConnection.BackendTranslation, 0);
        }

        bed.FrontEnd.WaitForClose().ShouldBeTrue();
        VhostUserEvent end = bed.Harness.End();
        (end.Kind, end.Text).ShouldBe((VhostUserEventKind.ProtocolError, "a reply on the back end's channel to no question"));
    }

    [Fact]
    public void A_reply_in_pieces_keeps_nobody()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Refused.Add(Iova);
        byte[] reply = Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version | MessageHeader.ReplyFlag, 8);
        reply[MessageHeader.Length] = 1;
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        foreach (byte piece in reply)
        {
            bed.Harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
            bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
            bed.FrontEnd.SendRawReply([piece]);
        }

        bed.ServeUntil(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1);
        bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    [Fact]
    public void Descriptors_with_a_reply_are_dropped()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var bed = new TranslationBed(_memory, Never, recorded: false);
            bed.FrontEnd.WaitForMiss(Harness.Patience, out ulong address, out AccessType access).ShouldBeTrue();
            Action check = OpenDescriptors.Baseline();
            byte[] reply = Reply(VhostUserConnection.BackendTranslation, MessageHeader.Version | MessageHeader.ReplyFlag, 8);
            bed.Replies = false;
            bed.Answer(address, access);
            bed.FrontEnd.SendRawReply(reply, _memory.File, _memory.File);
            bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
            check();
        });
    }

    [Fact]
    public void What_waits_is_asked_for_again_over_another_channel()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        for (int i = 0; i < 20; i++)
        {
            bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
            bed.FrontEnd.OpenBackendChannel();
        }

        bed.Queue.Kick();
        bed.Serve();
    }

    [Fact]
    public void Front_ends_without_replies_are_not_asked_for_them()
    {
        using var harness = new Harness(options: new VhostUserOptions
        {
            OfferAddressTranslation = true,
            ProtocolFeatureMask = VhostUserProtocolFeatures.All & ~VhostUserProtocolFeatures.ReplyAcknowledge,
        });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.OpenBackendChannel();
        harness.FrontEnd.SetMemory(_memory.Region());
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, new VirtQueueLayout(16, Iova, Iova + 0x1000, Iova + 0x2000));
        for (int i = 0; i < 5; i++)
        {
            harness.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
            harness.FrontEnd.ReplyToMiss(isTranslated: false).ShouldBeFalse();
        }
    }

    [Fact]
    public void Questions_for_replies_are_bounded_and_what_exceeds_them_is_asked_without()
    {
        int wanted = 0;
        int asked = 0;
        var iotlb = new DeviceIotlb(
            (_, wantsReply) =>
            {
                asked++;
                wanted += wantsReply ? 1 : 0;
                return true;
            },
            Never)
        { IsReplied = true };
        for (ulong i = 0; i < 1000; i++)
        {
            Reach(iotlb, i * Page, Page, isWritable: false, since: 1);
            iotlb.Update(new AddressTranslation(i * Page, 0, Page, Protection.Read));
            iotlb.TryRemove(0, ulong.MaxValue).ShouldBeTrue();
        }

        asked.ShouldBe(1000);
        wanted.ShouldBe(DeviceIotlb.MostAwaited);

        // Replies make room for others.
        iotlb.TakeReply(isDone: true).ShouldBeTrue();
        Reach(iotlb, 0, Page, isWritable: true, since: 1).ShouldBe(Reachability.Asked);
        wanted.ShouldBe(DeviceIotlb.MostAwaited + 1);
        for (int i = 0; i < DeviceIotlb.MostAwaited; i++)
        {
            iotlb.TakeReply(isDone: true).ShouldBeTrue();
        }

        iotlb.TakeReply(isDone: true).ShouldBeFalse();
    }

    [Fact]
    public void A_verdict_is_for_those_who_asked_before_it()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, Never) { IsReplied = true };
        long first = Now();
        Reach(iotlb, Page, Page, isWritable: false, first).ShouldBe(Reachability.Asked);
        long second = Now();

        // Asked for by another queue already, and refused before the guest gave it.
        Reach(iotlb, Page, Page, isWritable: false, second).ShouldBe(Reachability.Asked);
        iotlb.TakeReply(isDone: false).ShouldBeTrue();
        Reach(iotlb, Page, Page, isWritable: false, first).ShouldBe(Reachability.Refused);
        Reach(iotlb, Page, Page, isWritable: false, second).ShouldBe(Reachability.Asked);

        // Reading and writing are refused by themselves.
        Reach(iotlb, Page, Page, isWritable: true, second).ShouldBe(Reachability.Asked);
        iotlb.TakeReply(isDone: true).ShouldBeTrue();
        iotlb.TakeReply(isDone: false).ShouldBeTrue();
        Reach(iotlb, Page, Page, isWritable: true, second).ShouldBe(Reachability.Refused);
        iotlb.Update(new AddressTranslation(Page, 0, Page, Protection.Read));
        Reach(iotlb, Page, Page, isWritable: false, second).ShouldBe(Reachability.Translated);
        iotlb.OnMiss(Page, AccessType.Write).ShouldBeFalse();

        long Now()
        {
            Thread.Sleep(1);
            return System.Diagnostics.Stopwatch.GetTimestamp();
        }
    }

    [Fact]
    public void Replies_to_what_was_asked_of_other_memory_say_nothing()
    {
        var iotlb = new DeviceIotlb(static (_, _) => true, Never) { IsReplied = true };
        Reach(iotlb, Page, Page, isWritable: false, since: 1).ShouldBe(Reachability.Asked);
        iotlb.Clear();
        Reach(iotlb, Page, Page, isWritable: false, since: 1).ShouldBe(Reachability.Asked);
        iotlb.TakeReply(isDone: false).ShouldBeTrue();
        Reach(iotlb, Page, Page, isWritable: false, since: 1).ShouldBe(Reachability.Asked);
        iotlb.TakeReply(isDone: false).ShouldBeTrue();
        Reach(iotlb, Page, Page, isWritable: false, since: 1).ShouldBe(Reachability.Refused);
    }

    [Fact]
    public void A_chain_of_more_refused_pages_than_are_asked_for_at_a_time_is_taken()
    {
        const int Parts = 4 * DeviceIotlb.MostMisses;
        int awaited = 0;
        var iotlb = new DeviceIotlb(
            (_, wantsReply) =>
            {
                awaited += wantsReply ? 1 : 0;
                return true;
            },
            Never)
        { IsReplied = true };
        var gate = new RingGate(iotlb, new VirtQueueLayout(1024, 0x1000, 0x6000, 0x8000), VirtQueueFeatures.None);
        int tries = 0;
        while (!Try())
        {
            (++tries).ShouldBeLessThan(100);
            gate.OnLeft();
            Thread.Sleep(5);
            for (; awaited > 0; awaited--)
            {
                iotlb.TakeReply(isDone: false).ShouldBeTrue();
            }
        }

        gate.OnTaken(0);

        bool Try()
        {
            bool isReachable = true;
            for (ulong i = 0; i < Parts; i++)
            {
                isReachable &= gate.IsReachable((1 << 30) + (2 * i * Page), 16, isWritable: false);
            }

            return isReachable;
        }
    }

    private static byte[] Reply(uint request, uint flags, uint length)
    {
        byte[] bytes = new byte[MessageHeader.Length + sizeof(ulong)];
        MemoryMarshal.Write(bytes, new MessageHeader { Request = (M)request, Flags = flags, PayloadLength = length });
        return bytes;
    }

    /// <summary>Serves a request, and has the page of its data refused from then on.</summary>
    private static void TakeDataAway(TranslationBed bed)
    {
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.Serve();
        bed.FrontEnd.InvalidateTranslation(Data, Page);
        bed.Refused.Add(Data);
    }

    private static Reachability Reach(DeviceIotlb iotlb, ulong address, ulong length, bool isWritable, long since)
    {
        lock (iotlb.Sync)
        {
            return iotlb.Reach(address, length, isWritable, ref since);
        }
    }
}
