using FsCheck.Fluent;

using Hyperspan.Streaming;

using static Hyperspan.Tests.Streaming.PagedGenerators;

namespace Hyperspan.Tests.Streaming;

/// <summary>Paged ranges of several parts.</summary>
public class PagedPartsTests
{
    [Fact]
    public void A_range_is_its_parts_one_after_the_other() => Check(Lists, list =>
    {
        var range = new PagedRange(list);
        List<ulong> all = Flat(list);
        return range.Length == (ulong)all.Count && range.IsEmpty == (all.Count == 0) && Flat(range).SequenceEqual(all);
    });

    [Fact]
    public void Cuts_are_those_of_the_flat_bytes() => Check(
        from list in Lists
        from a in Thousandth
        from b in Thousandth
        from c in Thousandth
        select (list, a, b, c),
        test =>
        {
            var range = new PagedRange(test.list);
            List<ulong> all = Flat(test.list);
            ulong at = Scale(test.a, range.Length);
            ulong length = Scale(test.b, range.Length - at);
            PagedRange part = range.Slice(at, length);
            ulong further = Scale(test.c, length);
            range.Split(at, out PagedRange head, out PagedRange tail);
            return part.Length == length
                && Flat(part).SequenceEqual(all.Skip((int)at).Take((int)length))
                && Flat(part.Skip(further)).SequenceEqual(all.Skip((int)(at + further)).Take((int)(length - further)))
                && Flat(part.Truncate(further)).SequenceEqual(all.Skip((int)at).Take((int)further))
                && Flat(head).Concat(Flat(tail)).SequenceEqual(all)
                && Flat(new PagedRange(part.ToBuffers())).SequenceEqual(Flat(part));
        });

    [Fact]
    public void Cuts_past_the_end_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Slice(0x1800, 0x801));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Skip(0x2001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Truncate(0x2001));
        Should.Throw<ArgumentOutOfRangeException>(() => Make().Split(0x2001, out _, out _));
        Make().TrySlice(0x2001, 0, out _).ShouldBeFalse();
        Make().TrySplit(0x2001, out _, out _).ShouldBeFalse();
        Make().Skip(0x2000).IsEmpty.ShouldBeTrue();

        static PagedRange Make() => new(new PagedRangeBuffer[] { new(new ulong[] { 1 }, 0, 0x1000), new(new ulong[] { 8 }, 0, 0x1000) });
    }

    [Fact]
    public void Empty_parts_are_left_out()
    {
        PagedRangeBuffer empty = default;
        var one = new PagedRangeBuffer(new ulong[] { 4 }, 0x10, 1);
        var range = new PagedRange([empty, one, empty, one, empty]);
        Flat(range).ShouldBe([0x4010UL, 0x4010]);
        range.ToBuffers().Length.ShouldBe(2);
        range.Skip(1).ToBuffers().Length.ShouldBe(1);
        new PagedRange([empty, empty]).IsEmpty.ShouldBeTrue();
        new PagedRange([empty, empty]).ToBuffers().ShouldBeEmpty();
        new PagedRange(ReadOnlySpan<PagedRangeBuffer>.Empty).IsEmpty.ShouldBeTrue();
    }

    [Fact]
    public void What_is_kept_depends_on_nothing_else()
    {
        ulong[] pages = [1, 7];
        PagedRangeBuffer[] list = [new(pages, 0x800, 0x1000)];
        PagedRangeBuffer[] kept = new PagedRange(list).Skip(0x10).ToBuffers();
        pages.AsSpan().Fill(99);
        list[0] = default;
        Flat(new PagedRange(kept)).ShouldBe([.. Enumerable.Range(0x1810, 0x7f0).Concat(Enumerable.Range(0x7000, 0x800)).Select(static address => (ulong)address)]);
    }

    [Fact]
    public void A_page_number_that_names_no_address_ends_the_runs_of_all_parts()
    {
        var range = new PagedRange([new(new ulong[] { 3, 4 }, 0, 0x2000), new(new ulong[] { 5, ulong.MaxValue }, 0, 0x2000), new(new ulong[] { 6 }, 0, 0x1000)]);
        var runs = new List<string>();
        foreach (PagedRun run in range.Runs)
        {
            runs.Add(run.ToString());
        }

        runs.ShouldBe(["0x3000-0x5000", "0x5000-0x6000", "invalid page number 0xffffffffffffffff"]);
        using GuestMemory memory = GuestMemory.Allocate(0x8000);
        memory.TryFill(range, 1, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.PageNumber, fault.PageIndex).ShouldBe((ulong.MaxValue, 3));
    }

    [Fact]
    public void Parts_are_pinned_and_are_vectors_as_pages_are()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x8000);
        memory.Write(0, MemoryAssert.Pattern(0x8000));
        PagedRangeBuffer[] list = [new(new ulong[] { 1 }, 0xff0, 0x10), default, new(new ulong[] { 6, 7 }, 8, 0x1100)];
        var expected = new byte[0x1110];
        memory.Read(new PagedRange(list), expected);
        using PinnedMemory pinned = memory.Pin(new PagedRange(list), AccessType.Read);
        var got = new List<byte>();
        foreach (ReadOnlyMemory<byte> piece in pinned.ReadOnlyPieces)
        {
            got.AddRange(piece.ToArray());
        }

        got.ShouldBe(expected);
        using var vectors = new GuestIoVectors(AccessType.Read);
        vectors.Add(memory, new PagedRange(list).Skip(8));
        vectors.Length.ShouldBe(0x1108UL);
    }

    private static List<ulong> Flat(PagedRangeBuffer[] list) => [.. list.SelectMany(AddressesOf)];

    private static List<ulong> Flat(PagedRange range)
    {
        var all = new List<ulong>();
        foreach (PagedRun run in range.Runs)
        {
            run.IsValid.ShouldBeTrue();
            for (ulong i = 0; i < run.Length; i++)
            {
                all.Add(run.Address.Value + i);
            }
        }

        return all;
    }

    [Fact]
    public void Pages_that_a_part_does_not_cover_are_not_counted()
    {
        var range = new PagedRange([new(new ulong[] { 3 }, 0, 0x1000), new(new ulong[] { 5, 6, 7 }, 0x1000, 0x1000), new(new ulong[] { ulong.MaxValue }, 0, 0x1000)]);
        using GuestMemory memory = GuestMemory.Allocate(0x8000);
        memory.TryFill(range, 1, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.PageNumber, fault.PageIndex).ShouldBe((ulong.MaxValue, 2));
    }
}
