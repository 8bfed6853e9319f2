using Hyperspan.Snapshots;

namespace Hyperspan.Tests.Snapshots;

[Trait("Category", "slow")]
public sealed class SnapshotDifferenceTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task Each_of_a_chain_restores_its_own_moment_and_merges_to_it(int seed, bool compress)
    {
        const int Length = 6;
        var random = new Random(seed);
        using GuestMemory memory = SnapshotBed.CreateMemory();
        var moments = new List<byte[]>();
        for (int i = 0; i < Length; i++)
        {
            SnapshotBed.Scribble(memory, random, random.Next(60));
            moments.Add(SnapshotBed.BytesOf(memory));
            using GuestMemorySnapshot? since = i == 0 ? null : GuestMemorySnapshot.Open(_bed.PathOf($"{i - 1}"));
            await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf($"{i}"), new SnapshotSaveOptions { Since = since, Compress = compress && i % 2 == 0 });
        }

        for (int i = 0; i < Length; i++)
        {
            using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf($"{i}"));
            snapshot.Chain.Count.ShouldBe(i + 1);
            await snapshot.VerifyAsync();
            (await SnapshotBed.RestoredAsync(snapshot)).ShouldEqual(moments[i]);
            await snapshot.MergeAsync(_bed.PathOf("merged"), compress);
            using GuestMemorySnapshot merged = GuestMemorySnapshot.Open(_bed.PathOf("merged"));
            merged.ParentId.ShouldBeNull();
            (await SnapshotBed.RestoredAsync(merged)).ShouldEqual(moments[i]);
        }
    }

    [Fact]
    public async Task Difference_holds_what_changed_and_no_more()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        memory.Fill(0, 1, 100 * SnapshotBed.Page);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"));
        memory.Write(3 * SnapshotBed.Page, (byte)2);
        memory.Fill(7 * SnapshotBed.Page, 0, 2 * SnapshotBed.Page);
        memory.Write(200 * SnapshotBed.Page, (byte)3);
        using GuestMemorySnapshot before = GuestMemorySnapshot.Open(_bed.PathOf("base"));
        SnapshotSaved saved = await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("next"), new SnapshotSaveOptions { Since = before });
        saved.StoredPages.ShouldBe(2UL);
        saved.ZeroPages.ShouldBe(2UL);
        using GuestMemorySnapshot difference = GuestMemorySnapshot.Open(_bed.PathOf("next"));
        difference.ParentId.ShouldBe(before.Id);
        difference.GetOwnRanges().ShouldBe([new(0x3000, 0x1000), new(0x7000, 0x2000), new(0xc8000, 0x1000)]);
    }

    [Fact]
    public async Task Only_what_can_have_changed_is_looked_at()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(4), 200);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"));
        byte[] before = SnapshotBed.BytesOf(memory);
        using GuestMemorySnapshot since = GuestMemorySnapshot.Open(_bed.PathOf("base"));
        memory.Write(0x5010, 0x1122334455667788UL);
        memory.Fill(ulong.MaxValue - 0xfff, 0, 0x1000);
        memory.Write(0x1_0000_0000, 0x99UL);
        GuestRange[] changed = [new(ulong.MaxValue - 4, 5), new(0x5010, 8), new(0x5018, 0), new(0x4000, 0x1800)];
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("next"), new SnapshotSaveOptions { Since = since, Changed = changed });
        memory.Write(0x1_0000_0000, BitConverter.ToUInt64(before, (int)(600 * SnapshotBed.Page)));
        using GuestMemorySnapshot next = GuestMemorySnapshot.Open(_bed.PathOf("next"));
        (await SnapshotBed.RestoredAsync(next)).ShouldEqual(SnapshotBed.BytesOf(memory));
    }

    [Fact]
    public async Task What_a_dirty_log_names_is_all_there_is_to_store()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(14), 200);
        using var log = new DirtyLog(memory);
        log.Start();
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("0"));
        for (int i = 1; i <= 3; i++)
        {
            SnapshotBed.Scribble(memory, new Random(20 + i), 20);
            using GuestMemorySnapshot since = GuestMemorySnapshot.Open(_bed.PathOf($"{i - 1}"));
            await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf($"{i}"), new SnapshotSaveOptions { Since = since, Changed = log.Collect() });
            using GuestMemorySnapshot next = GuestMemorySnapshot.Open(_bed.PathOf($"{i}"));
            (await SnapshotBed.RestoredAsync(next)).ShouldEqual(SnapshotBed.BytesOf(memory));
        }
    }

    [LinuxFact]
    public async Task Pages_given_back_and_taken_again_are_zeros_in_the_difference()
    {
        using var sparse = new SparseBacking(64 * SnapshotBed.Page);
        sparse.Commit(0, 64 * SnapshotBed.Page);
        using var memory = new GuestMemory(sparse, "sparse", leaveOpen: true);
        memory.Fill(0, 5, 64 * SnapshotBed.Page);
        using var log = new DirtyLog(memory);
        log.Start();
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("0"));
        sparse.Decommit(10 * SnapshotBed.Page, 3 * SnapshotBed.Page);
        sparse.Commit(10 * SnapshotBed.Page, 3 * SnapshotBed.Page);
        using GuestMemorySnapshot since = GuestMemorySnapshot.Open(_bed.PathOf("0"));
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("1"), new SnapshotSaveOptions { Since = since, Changed = log.Collect() });
        using GuestMemorySnapshot next = GuestMemorySnapshot.Open(_bed.PathOf("1"));
        using GuestMemory restored = next.CreateMemory("restored");
        for (ulong page = 0; page < 64; page++)
        {
            restored.Read<byte>(page * SnapshotBed.Page).ShouldBe(page is >= 10 and < 13 ? (byte)0 : (byte)5, $"page {page}");
        }
    }

    [Fact]
    public async Task Memory_that_went_and_came_back_is_as_it_was_then()
    {
        using GuestMemory large = GuestMemory.Allocate(64 * SnapshotBed.Page);
        using GuestMemory small = GuestMemory.Allocate(32 * SnapshotBed.Page);
        large.Fill(0, 5, 64 * SnapshotBed.Page);
        small.Fill(0, 5, 32 * SnapshotBed.Page);
        await GuestMemorySnapshot.SaveAsync(large, _bed.PathOf("0"));
        using GuestMemorySnapshot first = GuestMemorySnapshot.Open(_bed.PathOf("0"));
        await GuestMemorySnapshot.SaveAsync(small, _bed.PathOf("1"), new SnapshotSaveOptions { Since = first });
        using GuestMemorySnapshot second = GuestMemorySnapshot.Open(_bed.PathOf("1"));
        second.GetOwnRanges().ShouldBeEmpty();
        large.Fill(32 * SnapshotBed.Page, 0, 32 * SnapshotBed.Page);
        await GuestMemorySnapshot.SaveAsync(large, _bed.PathOf("2"), new SnapshotSaveOptions { Since = second });
        using GuestMemorySnapshot third = GuestMemorySnapshot.Open(_bed.PathOf("2"));
        using GuestMemory restored = GuestMemory.Allocate(64 * SnapshotBed.Page);
        await third.RestoreAsync(restored);
        SnapshotBed.BytesOf(restored).ShouldEqual(SnapshotBed.BytesOf(large));
    }

    [Fact]
    public async Task Earlier_snapshots_are_found_where_they_are_said_to_be_or_where_the_caller_says()
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(4), 20);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"));
        using (GuestMemorySnapshot since = GuestMemorySnapshot.Open(_bed.PathOf("base")))
        {
            SnapshotBed.Scribble(memory, new Random(5), 20);
            await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("next"), new SnapshotSaveOptions { Since = since });
            await Should.ThrowAsync<ArgumentException>(() => GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"), new SnapshotSaveOptions { Since = since }));
        }

        File.Move(_bed.PathOf("base"), _bed.PathOf("moved"));
        Should.Throw<FileNotFoundException>(() => GuestMemorySnapshot.Open(_bed.PathOf("next"))).Message.ShouldContain("is a difference to ");
        using (GuestMemorySnapshot found = GuestMemorySnapshot.Open(_bed.PathOf("next"), [_bed.PathOf("next"), _bed.PathOf("moved")]))
        {
            (await SnapshotBed.RestoredAsync(found)).ShouldEqual(SnapshotBed.BytesOf(memory));
        }

        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"));
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("next"))).Message.ShouldContain("where another one is now");
    }
}
