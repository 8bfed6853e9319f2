using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;
using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests.Snapshots;

/// <summary>Pages that go while memory is saved live: ours are kept first, of others it is stated that they are lost.</summary>
[Trait("Category", "slow")]
[Collection(nameof(LifetimeTests))]
public sealed class LiveDiscardTests : IDisposable
{
    private const ulong Page = SnapshotBed.Page;
    private const ulong Length = 1024 * Page;

    private readonly SnapshotBed _bed = new();

    public LiveDiscardTests() => SnapshotBed.SkipUnlessLive();

    public void Dispose() => _bed.Dispose();

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(1024)]
    public async Task What_is_given_back_is_saved_as_it_was(int pagesAtOnce)
    {
        var ram = new SharedBacking(Length, new SharedBackingOptions { IsDiscardable = true });
        using GuestMemory memory = new(ram);
        byte[] expected = Scribble(memory);
        ulong step = (ulong)pagesAtOnce * Page;
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions
        {
            Captured = () =>
            {
                for (ulong at = 0; at < Length; at += step)
                {
                    ram.Discard(at, step);
                }

                memory.Write(3 * Page, 7UL);
            },
        });
        byte[] now = new byte[Length];
        now[3 * Page] = 7;
        memory.ReadArray<byte>(0, (int)Length).ShouldEqual(now);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        SavedIn(snapshot).ShouldEqual(expected);

        // Nothing is left behind: pages are given back without being kept, and take no memory.
        ram.Discard(0, Length);
        LibC.Lseek(ram.Handle, 0, SeekFrom.Data).ShouldBe(-1);
    }

    [SkippableFact]
    public async Task A_hole_that_is_given_back_takes_no_memory()
    {
        var ram = new SharedBacking(Length, new SharedBackingOptions { IsDiscardable = true });
        using GuestMemory memory = new(ram);
        memory.Write(0, 1UL);
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions
        {
            Captured = () =>
            {
                ram.Discard(SelfProbe.Page, Length - SelfProbe.Page);
                LibC.Lseek(ram.Handle, (long)SelfProbe.Page, SeekFrom.Data).ShouldBe(-1);
            },
        });
        memory.Read<ulong>(0).ShouldBe(1UL);
    }

    [SkippableFact]
    public async Task Huge_pages_that_are_given_back_are_saved_as_they_were()
    {
        const ulong Huge = 2UL << 20;
        using HugePages pool = HugePages.Raise(3);
        var ram = new SharedBacking(3 * Huge, new SharedBackingOptions { IsDiscardable = true, HugePages = HugePageSize.Size2MiB, Prefault = true });
        using GuestMemory memory = new(ram);
        memory.Fill(0, 0x5a, 3 * Huge);
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => ram.Discard(Huge, 2 * Huge) });
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        SavedIn(snapshot, 3 * Huge).AsSpan().ContainsAnyExcept((byte)0x5a).ShouldBeFalse();
    }

    /// <summary>
    /// The moment may lie anywhere in what a guest does: it writes A, then C, then D, and gives A back. As of a moment at which C was written and D was not, A is there.
    /// </summary>
    [SkippableFact]
    public async Task Whatever_the_moment_nothing_is_lost_that_was_there()
    {
        const ulong A = 512 * Page;
        const ulong C = 0;
        const ulong D = 1023 * Page;
        var ram = new SharedBacking(Length, new SharedBackingOptions { IsDiscardable = true });
        using GuestMemory memory = new(ram);
        using var stop = new CancellationTokenSource();
        var guest = new Thread(() =>
        {
            for (ulong round = 1; !stop.IsCancellationRequested; round++)
            {
                memory.VolatileWrite(A, round);
                memory.VolatileWrite(C, round);
                memory.VolatileWrite(D, round);
                ram.Discard(A, Page);
            }
        });
        guest.Start();
        try
        {
            for (int i = 0; i < 100; i++)
            {
                await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"));
                using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
                (ulong a, ulong c, ulong d) = (Word(snapshot, A), Word(snapshot, C), Word(snapshot, D));
                (c - d).ShouldBeLessThanOrEqualTo(1UL, $"{c} was written before {d}");
                if (c != d)
                {
                    a.ShouldBe(c);
                }
                else
                {
                    a.ShouldBeOneOf(0UL, c, c + 1);
                }
            }
        }
        finally
        {
            stop.Cancel();
            guest.Join();
        }
    }

    /// <summary>Two at a time, of memories that have backings in common in different orders, beside who gives back: none holds up another.</summary>
    [SkippableFact]
    public async Task Several_savings_and_who_gives_back_do_not_hold_up_each_other()
    {
        SharedBacking[] ram = [.. Enumerable.Range(0, 2).Select(_ => new SharedBacking(16 * Page, new SharedBackingOptions { IsDiscardable = true }))];
        using GuestMemory forward = new GuestMemoryBuilder("forward").AddRegion(0, ram[0]).AddRegion(1 << 20, ram[1]).LeaveBackingsOpen().Build();
        using GuestMemory backward = new GuestMemoryBuilder("backward").AddRegion(0, ram[1]).AddRegion(1 << 20, ram[0]).LeaveBackingsOpen().Build();
        using var stop = new CancellationTokenSource();
        Task giving = Task.Run(() =>
        {
            for (ulong page = 0; !stop.IsCancellationRequested; page = (page + 1) % 16)
            {
                forward.Write(page * Page, page);
                Array.ForEach(ram, backing => backing.Discard(page * Page, Page));
            }
        });
        await Task.WhenAll(SaveAgainAsync(forward), SaveAgainAsync(backward));
        await stop.CancelAsync();
        await giving;
        Array.ForEach(ram, backing => backing.Dispose());

        static async Task SaveAgainAsync(GuestMemory memory)
        {
            for (int i = 0; i < 50; i++)
            {
                try
                {
                    await GuestMemorySnapshot.SaveLiveAsync(memory, new MemoryStream());
                }
                catch (GuestMemoryMappingException e) when (e.ErrorName == "EBUSY")
                {
                    // The other one watches it.
                }
            }
        }
    }

    /// <summary>A limit, and stated to be one.</summary>
    [SkippableTheory]
    [InlineData("madvise")]
    [InlineData("punched")]
    public async Task What_others_discard_is_saved_as_zeros(string how)
    {
        GuestMemoryBacking backing = how == "madvise" ? new HeapBacking(Length) : new SharedBacking(Length);
        using GuestMemory memory = new(backing);
        byte[] expected = Scribble(memory);
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions { Captured = () => Discard(backing, 96 * Page, 16 * Page) });
        expected.AsSpan(96 * (int)Page, 16 * (int)Page).Clear();
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        SavedIn(snapshot).ShouldEqual(expected);
    }

    /// <summary>A log of operations sees what is written while memory is saved, and the snapshot does not have it.</summary>
    [SkippableFact]
    public async Task A_log_of_operations_works_beside_it_and_one_of_the_mapping_says_what_to_do()
    {
        using GuestMemory memory = new(new SharedBacking(Length));
        byte[] expected = Scribble(memory);
        using var log = new DirtyLog(memory);
        log.Start();
        log.Collect();
        using var mapping = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        bool isSupported = HasLogsOfMappings();
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("a"), new SnapshotSaveOptions
        {
            Captured = () =>
            {
                memory.Write(5 * Page, 1UL);
                memory.Write(900 * Page, 1UL);
                if (isSupported)
                {
                    Should.Throw<GuestMemoryMappingException>(mapping.Start).Message.ShouldContain("start the log when that is over");
                }
            },
        });
        log.Collect().ShouldBe([new GuestRange(5 * Page, Page), new GuestRange(900 * Page, Page)]);
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        SavedIn(snapshot).ShouldEqual(expected);
        Skip.IfNot(isSupported, "no log of the mapping here");

        // Afterwards it starts; and while it is started, saving says what to do.
        mapping.Start();
        GuestMemoryMappingException refused = await Should.ThrowAsync<GuestMemoryMappingException>(GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("b")));
        refused.Message.ShouldContain("is to be stopped before");
        mapping.Stop();
        await GuestMemorySnapshot.SaveLiveAsync(memory, _bed.PathOf("b"));
    }

    private static unsafe void Discard(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        int result = backing is SharedBacking shared
            ? LibC.Fallocate(shared.Handle, FileAllocation.PunchHole | FileAllocation.KeepSize, (long)offset, (long)length)
            : LibC.Madvise(backing.Mapping + offset, (nuint)length, MemoryAdvice.DontNeed);
        result.ShouldBe(0);
    }

    private static bool HasLogsOfMappings()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        try
        {
            log.Start();
            return true;
        }
        catch (PlatformNotSupportedException)
        {
            return false;
        }
    }

    private static ulong Word(GuestMemorySnapshot snapshot, ulong address)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        snapshot.Read(address, bytes);
        return BitConverter.ToUInt64(bytes);
    }

    private static byte[] SavedIn(GuestMemorySnapshot snapshot, ulong length = Length)
    {
        byte[] bytes = new byte[length];
        snapshot.Read(0, bytes);
        return bytes;
    }

    private static byte[] Scribble(GuestMemory memory)
    {
        byte[] bytes = new byte[Length];
        new Random(11).NextBytes(bytes);
        memory.Write(0, bytes);
        return bytes;
    }
}
