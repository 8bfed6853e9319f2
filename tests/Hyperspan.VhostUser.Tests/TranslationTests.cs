using System.Diagnostics;

using Hyperspan.Translation;
using Hyperspan.Virtio;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Addresses that go through the guest's IOMMU: asked for when they are missed, used until they are taken away, and bounded whatever the front end sends.</summary>
public sealed class TranslationTests : IDisposable
{
    private const ulong Mega = 1 << 20;
    private const ulong Page = GuestAddress.PageSize;
    private const ulong Iova = TranslationBed.Iova;

    private static TimeSpan Never => TimeSpan.FromHours(1);

    private readonly TestMemory _memory = new(Mega);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Requests_are_served_by_translations_that_are_asked_for(bool recorded, bool replies)
    {
        using var bed = new TranslationBed(_memory, Never, recorded) { Replies = replies };
        for (ulong number = 1; number < 200; number++)
        {
            bed.Driver.Submit(number);
            if (number % 3 == 0)
            {
                bed.Queue.Kick();
                bed.Serve();
                if (number % 9 == 0)
                {
                    // As a strict guest does.
                    bed.FrontEnd.InvalidateTranslation(Iova + 0x4000, Page);
                }
            }
        }

        bed.Queue.Kick();
        bed.Serve();
        bed.Harness.Device.Completed.Count.ShouldBe(199);
        bed.Misses.ShouldContain((Iova, AccessType.Read));
        bed.Misses.ShouldContain((Iova + 0x2000, AccessType.Write));
        bed.Misses.Count(miss => miss.Address == Iova + 0x4000).ShouldBeGreaterThan(20);
        bed.Misses.ShouldAllBe(miss => miss.Address >= Iova && miss.Address < Iova + TestDriver.Length);
        bed.Harness.Log.ToString().ShouldContain("translated");
    }

    /// <summary>What is asked again before it was come to fills the channel: then what is asked next is come to when the time for it is over.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_front_end_that_is_slow_is_not_asked_over_and_over(bool replies)
    {
        int asked = 0;
        var iotlb = new DeviceIotlb((_, _) => ++asked > 0, Never) { IsReplied = replies };
        long since = 0;
        long begun = Stopwatch.GetTimestamp();

        // Asked at once and after 100 and 300 ms; the last look may come late enough for 700.
        while (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMilliseconds(700))
        {
            lock (iotlb.Sync)
            {
                iotlb.Reach(Iova, 8, isWritable: false, ref since).ShouldBe(Reachability.Asked);
            }

            Thread.Sleep(5);
        }

        asked.ShouldBeInRange(1, 4);
    }

    [Fact]
    public void What_was_taken_away_is_not_used_any_more()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.Serve();
        ulong before = bed.Map[Iova + 0x4000];

        // Elsewhere from now on, and the old page is somebody else's.
        bed.Move(Iova + 0x4000, 0xf_0000);
        bed.FrontEnd.InvalidateTranslation(0, 0);
        _memory.Memory.Fill(before, 0x77, Page);
        bed.Driver.Submit(2);
        bed.Queue.Kick();
        bed.Serve();
        byte[] old = new byte[Page];
        _memory.Memory.Read(before, old);
        old.ShouldAllBe(value => value == 0x77);

        // The same by an update that says something else.
        bed.Move(Iova + 0x4000, 0xe_0000);
        bed.FrontEnd.UpdateTranslation(Iova + 0x4000, 0xe_0000, Page, Protection.ReadWrite);
        _memory.Memory.Fill(0xf_0000, 0x55, Page);
        bed.Driver.Submit(3);
        bed.Queue.Kick();
        bed.Serve();
        _memory.Memory.Read(0xf_0000, old);
        old.ShouldAllBe(value => value == 0x55);
        bed.Harness.Device.Taken.ToArray().ShouldBe([1UL, 2, 3]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_queue_stops_while_it_waits_and_goes_on_where_it_was(bool beforeItWasOpened)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        if (!beforeItWasOpened)
        {
            bed.Driver.Submit(1);
            bed.Queue.Kick();
            bed.Serve();
            bed.FrontEnd.InvalidateTranslation(Iova + 0x4000, Page);
        }

        bed.Driver.Submit(2);
        bed.Queue.Kick();
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        ushort at = bed.FrontEnd.StopQueue(0);
        at.ShouldBe((ushort)(beforeItWasOpened ? 0 : 1));
        bed.Restart(at);
        bed.Serve();
        bed.Harness.Device.Completed.ToArray().ShouldBe(beforeItWasOpened ? [2UL] : [1UL, 2]);
    }

    [Theory]
    [InlineData(Iova)]
    [InlineData(Iova + 0x1000)]
    [InlineData(Iova + 0x2000)]
    [InlineData(ulong.MaxValue)]
    public void A_queue_that_waits_for_its_own_ring_when_all_is_taken_away_asks_again(ulong missing)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        for (ulong round = 1; round < 20; round++)
        {
            bed.Driver.Submit(round);
            bed.Queue.Kick();
            bed.Serve();
            (ulong first, ulong length) = missing == ulong.MaxValue ? (0, 0) : (missing, Page);
            bed.FrontEnd.InvalidateTranslation(first, length);
            ulong waited;
            do
            {
                bed.FrontEnd.WaitForMiss(Harness.Patience, out waited, out _).ShouldBeTrue();
            }
            while (waited >= Iova + 0x3000);

            // Not answered. Everything, as a guest does that switches its IOMMU off; a part; and the queue's events, which have it stop and go on as well.
            bed.FrontEnd.InvalidateTranslation(0, 0);
            bed.FrontEnd.InvalidateTranslation(Iova, 3 * Page);
            bed.FrontEnd.EnableQueue(0, false);
            bed.FrontEnd.EnableQueue(0, true);
        }

        bed.Driver.Submit(20);
        bed.Queue.Kick();
        bed.Serve();
        bed.Harness.Device.Completed.ToArray().ShouldBe(Enumerable.Range(1, 20).Select(number => (ulong)number).ToArray());
        bed.Harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
    }

    [Fact]
    public void What_is_in_flight_ends_by_the_old_translations_before_all_are_taken_away()
    {
        var handler = new HoldingHandler();
        using var bed = new TranslationBed(_memory, Never, recorded: false, handler);
        for (ulong round = 1; round < 20; round++)
        {
            bed.Driver.Submit(round);
            bed.Queue.Kick();
            bed.ServeUntil(() => handler.Held.Count == 1);
            var taking = new Thread(() => bed.FrontEnd.InvalidateTranslation(0, 0));
            taking.Start();
            if (round == 1)
            {
                taking.Join(50).ShouldBeFalse();
            }

            handler.Answer(round);
            taking.Join(Harness.Patience).ShouldBeTrue();
            bed.Driver.Reap();
            bed.Driver.Outstanding.ShouldBe(0);
        }
    }

    [Theory]
    [InlineData(Iova + 0x4000, Page)]
    [InlineData(Iova + 0x3000, 0x10_0000UL)]
    public void The_buffers_of_a_chain_in_flight_are_taken_away_when_it_has_returned(ulong first, ulong length)
    {
        var handler = new HoldingHandler();
        using var bed = new TranslationBed(_memory, Never, recorded: false, handler);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.ServeUntil(() => handler.Held.Count == 1);

        // None of it is pinned, and no ring lies there.
        bed.FrontEnd.InvalidateTranslation(Iova + 0x5000, Page);
        var taking = new Thread(() => bed.FrontEnd.InvalidateTranslation(first, length));
        taking.Start();
        taking.Join(50).ShouldBeFalse();
        handler.Answer(1);
        taking.Join(Harness.Patience).ShouldBeTrue();

        // Written by the old translation: nobody is asked for another one.
        bed.FrontEnd.WaitForMiss(TimeSpan.Zero, out _, out _).ShouldBeFalse();
        bed.Driver.Reap();
        bed.Driver.Outstanding.ShouldBe(0);
        bed.Driver.Submit(2);
        bed.Queue.Kick();
        bed.ServeUntil(() => handler.Held.Count == 1);
        handler.Answer(2);
        bed.Serve();
    }

    [Fact]
    public void A_request_that_does_not_end_ends_the_connection_when_its_translations_are_taken_away()
    {
        var handler = new HoldingHandler();
        using var bed = new TranslationBed(_memory, Never, recorded: false, handler, TimeSpan.FromMilliseconds(200));
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.ServeUntil(() => handler.Held.Count == 1);
        Should.Throw<VhostUserException>(() => bed.FrontEnd.InvalidateTranslation(0, 0));
        bed.Harness.End().Kind.ShouldBe(VhostUserEventKind.DeviceFailed);
        handler.Answer(1);
    }

    [Fact]
    public void Nobody_is_waited_for_when_the_front_end_goes()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.FrontEnd.WaitForMiss(Harness.Patience, out _, out _).ShouldBeTrue();
        bed.FrontEnd.Dispose();
        bed.Harness.End().Kind.ShouldBe(VhostUserEventKind.Disconnected);
    }

    [Fact]
    public void A_translation_that_does_not_come_fails_its_request_alone()
    {
        using var bed = new TranslationBed(_memory, TimeSpan.FromMilliseconds(100), recorded: false);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.Serve();
        bed.FrontEnd.InvalidateTranslation(Iova + 0x4000, Page);
        bed.Map.Remove(Iova + 0x4000);
        bed.Driver.Memory.Invalidate(Iova + 0x4000, Page);

        // The descriptors name a page that has no translation: this device breaks its queue then.
        bed.Driver.Offer(0);
        bed.Queue.Kick();
        bed.Queue.WaitForError(Harness.Patience).ShouldBeTrue();
        Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.RingBroken) == 1, "the ring is broken");
        VhostUserEvent broken = bed.Harness.Log.Events.Single(what => what.Kind == VhostUserEventKind.RingBroken);
        broken.Fault!.Value.Kind.ShouldBe(GuestMemoryFaultKind.NotTranslated);
        broken.Fault!.Value.Address.ShouldNotBeNull();

        // The front end is told which page that was.
        bed.FrontEnd.WaitForAccessFailure(Harness.Patience, out ulong failed, out AccessType access).ShouldBeTrue();
        (failed, access).ShouldBe((Iova + 0x4000, AccessType.Read));
        bed.FrontEnd.GetFeatures().ShouldNotBe(0UL);
    }

    [Fact]
    public void What_is_written_is_logged_by_guest_addresses()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        using var log = new TestMemory(Page);
        bed.FrontEnd.SetLog(log.File, Page);
        bed.FrontEnd.SetLogging(enabled: true);
        bed.Driver.Submit(1);
        bed.Queue.Kick();
        bed.Serve();
        bed.FrontEnd.SetLogging(enabled: false);
        foreach (ulong written in new[] { bed.Map[Iova + 0x2000], bed.Map[Iova + 0x4000] })
        {
            (log.Memory.Read<byte>(written / Page / 8) >> (int)(written / Page % 8) & 1).ShouldBe(1, $"page 0x{written:x}");
        }

        (log.Memory.Read<byte>(bed.Map[Iova] / Page / 8) >> (int)(bed.Map[Iova] / Page % 8) & 1).ShouldBe(0, "the descriptors");
    }

    [Fact]
    public void Replaced_memory_is_translated_anew()
    {
        using var bed = new TranslationBed(_memory, Never, recorded: true);
        for (ulong number = 1; number < 10; number++)
        {
            bed.Driver.Submit(number);
            bed.Queue.Kick();
            bed.Serve();
            bed.FrontEnd.SetMemory(_memory.Region());
        }

        bed.Harness.Device.Completed.Count.ShouldBe(9);
    }

    [Theory]
    [InlineData(Iova, 0UL, 0UL, 3, 2)]
    [InlineData(Iova, 100UL, 0UL, 3, 2)]
    [InlineData(Iova + 1, Page, 0UL, 3, 2)]
    [InlineData(Iova, Page, 1UL, 3, 2)]
    [InlineData(Iova, Page, 0UL, 0, 2)]
    [InlineData(Iova, Page, 0UL, 4, 2)]
    [InlineData(Iova, Mega + Page, 0UL, 3, 2)]
    [InlineData(Iova, Page, Mega, 3, 2)]
    [InlineData(0xffff_ffff_ffff_f000UL, 2 * Page, 0UL, 3, 2)]
    [InlineData(Iova, 0xffff_ffff_ffff_f000UL, 0UL, 3, 2)]
    [InlineData(Iova, Page, 0UL, 3, 0)]
    [InlineData(Iova, Page, 0UL, 3, 1)]
    [InlineData(Iova, Page, 0UL, 3, 4)]
    [InlineData(Iova, Page, 0UL, 3, 200)]
    public void A_wrong_message_ends_the_connection(ulong iova, ulong size, ulong offset, byte permission, byte type)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: false);
        Should.Throw<VhostUserException>(
            () => bed.FrontEnd.Translate(new IotlbMessage(iova, size, TestMemory.UserOffset + offset, permission, (IotlbMessageType)type)));
        VhostUserEvent end = bed.Harness.End();
        (end.Kind, end.Message).ShouldBe((VhostUserEventKind.ProtocolError, M.TranslationMessage));
    }

    [Fact]
    public void Translations_are_for_those_who_agreed_on_them()
    {
        using var harness = new Harness(options: new VhostUserOptions { OfferAddressTranslation = true });
        harness.FrontEnd.Negotiate(~VirtioFeatures.AccessPlatform);
        harness.FrontEnd.SetMemory(_memory.Region());
        Should.Throw<VhostUserException>(() => harness.FrontEnd.InvalidateTranslation(0, Page));
        harness.End().Kind.ShouldBe(VhostUserEventKind.ProtocolError);
        using var other = new Harness();
        (other.FrontEnd.GetFeatures() & VirtioFeatures.AccessPlatform).ShouldBe(0UL);
    }

    [Fact]
    public void Translations_and_misses_are_bounded()
    {
        int sent = 0;
        var iotlb = new DeviceIotlb(
            (_, _) =>
            {
                sent++;
                return true;
            },
            Never);
        ulong[] pages = [.. Enumerable.Range(0, 200_000).Select(i => 1_000_000UL + (i % 2 == 0 ? (ulong)(2 * i) : unchecked((ulong)(-2 * i))))];
        foreach (ulong page in pages)
        {
            // Every other page, backward and forward, so that none touches another.
            iotlb.Update(new AddressTranslation(page * Page, 0, Page, Protection.ReadWrite));
        }

        pages.Count(page => iotlb.TryTranslate(page * Page, out _)).ShouldBe(DeviceIotlb.MostRanges);
        for (ulong i = 0; i < 100_000; i++)
        {
            Reach(iotlb, (1UL << 50) + (i * Page), Page, isWritable: i % 2 == 0, since: 1).ShouldBe(i < DeviceIotlb.MostMisses ? Reachability.Asked : Reachability.Full);
        }

        Reach(iotlb, 1UL << 51, uint.MaxValue, isWritable: false, since: 1).ShouldBe(Reachability.Full);
        sent.ShouldBe(DeviceIotlb.MostMisses);
        iotlb.Update(new AddressTranslation(0, 0, 0x7fff_ffff_ffff_f000, Protection.Read));
        iotlb.TryTranslate(pages[^1] * Page, out AddressTranslation huge).ShouldBeTrue();
        huge.Length.ShouldBe(0x7fff_ffff_ffff_f000UL);
        iotlb.TryRemove(0, ulong.MaxValue).ShouldBeTrue();
        pages.Count(page => iotlb.TryTranslate(page * Page, out _)).ShouldBe(0);
    }

    [Fact]
    public void What_cannot_be_accessed_is_told_once_and_not_for_each_of_many_at_once()
    {
        var told = new List<ulong>();
        var iotlb = new DeviceIotlb(
            (message, _) =>
            {
                if (message.Type == IotlbMessageType.AccessFailed)
                {
                    told.Add(message.Iova);
                }

                return true;
            },
            TimeSpan.FromMilliseconds(1));
        for (ulong i = 0; i < 100; i++)
        {
            Reach(i).ShouldBe(Reachability.Asked);
        }

        Thread.Sleep(5);
        var clock = Stopwatch.StartNew();
        for (int round = 0; round < 10; round++)
        {
            for (ulong i = 0; i < 100; i++)
            {
                // Nobody waits for it any more.
                Reach(i).ShouldBe(Reachability.Refused);
            }
        }

        told[0].ShouldBe(0UL);
        told.Count.ShouldBeLessThanOrEqualTo(1 + (int)clock.Elapsed.TotalSeconds);

        Reachability Reach(ulong page) => TranslationTests.Reach(iotlb, page * Page, Page, isWritable: false, since: 1);
    }

    [Fact]
    public void Overlapping_updates_and_invalidations_do_what_a_table_of_pages_does()
    {
        const int Pages = 64;
        var random = new Random(7);
        var iotlb = new DeviceIotlb(static (_, _) => true, Never);
        var model = new (ulong Target, Protection Protection)?[Pages];
        for (int step = 0; step < 20_000; step++)
        {
            int first = random.Next(Pages);
            int count = 1 + random.Next(Pages - first);
            if (random.Next(3) == 0)
            {
                iotlb.TryRemove((ulong)first * Page, ((ulong)(first + count) * Page) - 1).ShouldBeTrue();
                Array.Clear(model, first, count);
            }
            else
            {
                ulong target = (ulong)random.Next(8) * 0x100 * Page;
                Protection protection = random.Next(3) switch { 0 => Protection.Read, 1 => new Protection(read: false, write: true, execute: false), _ => Protection.ReadWrite };
                bool changes = Enumerable.Range(first, count).Any(page => model[page] is { } before
                    && (before.Target != target + ((ulong)page * Page)
                        || (before.Protection.CanRead && !protection.CanRead) || (before.Protection.CanWrite && !protection.CanWrite)));
                (iotlb.Update(new AddressTranslation((ulong)first * Page, target + ((ulong)first * Page), (ulong)count * Page, protection)) is not null).ShouldBe(changes);
                for (int page = first; page < first + count; page++)
                {
                    model[page] = (target + ((ulong)page * Page), protection);
                }
            }

            for (int page = 0; page < Pages; page++)
            {
                bool found = iotlb.TryTranslate(((ulong)page * Page) + 5, out AddressTranslation translation);
                found.ShouldBe(model[page] is not null);
                if (model[page] is { } expected)
                {
                    (translation.Target.Value + ((ulong)page * Page) - translation.Address).ShouldBe(expected.Target);
                    translation.Protection.ShouldBe(expected.Protection);
                }
            }
        }
    }

    private static Reachability Reach(DeviceIotlb iotlb, ulong address, ulong length, bool isWritable, long since)
    {
        lock (iotlb.Sync)
        {
            return iotlb.Reach(address, length, isWritable, ref since);
        }
    }
}
