using System.Runtime.CompilerServices;
using Hyperspan.Streaming;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Tracking;

/// <summary>What is pinned for writing is written at any time by whoever holds it: it counts as written in each period, and once more when it is unpinned.</summary>
public sealed class PinnedWriteTests : IDisposable
{
    private const ulong Page = TrackedMemories.Page;

    private readonly GuestMemory _memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(8 * Page)).AddRegion(8 * Page, new SharedBacking(8 * Page)).Build();
    private readonly DirtyLog _log;

    public PinnedWriteTests() => _log = new DirtyLog(_memory);

    public static TheoryData<string> Locks => ["range", "pages", "paged range", "slice", "vectors", "paged vectors"];

    public void Dispose()
    {
        _log.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [MemberData(nameof(Locks))]
    public void Pages_pinned_for_writing_are_dirty_while_they_are_and_once_more(string kind)
    {
        _log.Start();
        (IDisposable locked, ulong[] pages) = Lock(kind, AccessType.Write);
        Collect().ShouldBe(pages);
        Collect().ShouldBe(pages);
        locked.Dispose();
        locked.Dispose();
        Collect().ShouldBe(pages);
        Collect().ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Locks))]
    public void Pages_pinned_before_the_start_are_dirty_as_well(string kind)
    {
        (IDisposable locked, ulong[] pages) = Lock(kind, AccessType.Write);
        _log.Start();
        Collect().ShouldBe(pages);
        locked.Dispose();
        Collect().ShouldBe(pages);
        Collect().ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Locks))]
    public void Pages_pinned_for_reading_are_not(string kind)
    {
        _log.Start();
        (IDisposable locked, _) = Lock(kind, AccessType.Read);
        Collect().ShouldBeEmpty();
        locked.Dispose();
        Collect().ShouldBeEmpty();
    }

    [Fact]
    public void A_pin_that_was_pinned_counts_until_the_last_pin_ends()
    {
        _log.Start();
        PinnedMemory locked = _memory.Pin(0, 2 * Page, AccessType.Write);
        using (locked.Pieces[0].Pin())
        {
            locked.Dispose();
            Collect().ShouldBe([0UL, 1UL]);
        }

        Collect().ShouldBe([0UL, 1UL]);
        Collect().ShouldBeEmpty();
    }

    [Fact]
    public void What_was_forgotten_counts_until_it_is_collected()
    {
        _log.Start();
        Forget();
        for (int i = 0; i < 100 && Collect() is [_, ..]; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Collect().ShouldBeEmpty();
        [MethodImpl(MethodImplOptions.NoInlining)]
        void Forget()
        {
            _memory.Pin(0, Page, AccessType.Write);
            new GuestIoVectors(AccessType.Write).Add(_memory, Page, 1);
        }
    }

    [Fact]
    public void A_transfer_is_told_when_it_is_over()
    {
        string path = Path.GetTempFileName();
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, options: FileOptions.DeleteOnClose);
        RandomAccess.Write(file, new byte[3 * Page], 0);
        var told = new Recorder();
        using IDisposable observation = _memory.ObserveWrites(told);
        using var vectors = new GuestIoVectors(AccessType.Write);
        vectors.Add(_memory, 100, Page);
        vectors.Add(_memory, (8 * Page) - 8, 16);
        vectors.ReadFrom(file, 0);
        vectors.Clear();
        told.Writes.ShouldBe([(100UL, Page), ((8 * Page) - 8, 8UL), (8 * Page, 8UL)]);
        told.Writes.Clear();
        _memory.ReadFrom(5 * Page, 10, file, 0);
        told.Writes.ShouldBe([(5 * Page, 10UL)]);
    }

    /// <summary>An observer must not throw. Where one does, nobody else pays for it: pages do not stay pinned, and a finalizer does not end the process.</summary>
    [LinuxFact]
    public void What_an_observer_throws_leaves_nothing_pinned()
    {
        using var sparse = new SparseBacking(4 * Page);
        sparse.Commit(0, 4 * Page);
        using var memory = new GuestMemory(sparse, "sparse", leaveOpen: true);
        using (memory.ObserveWrites(new Thrower()))
        {
            Pin();
            using var vectors = new GuestIoVectors(AccessType.Write);
            vectors.Add(memory, Page, Page);
            Should.Throw<InvalidOperationException>(vectors.Clear);
            (vectors.Count, vectors.Length).ShouldBe((0, 0UL));
            vectors.Clear();
            var disposed = new GuestIoVectors(AccessType.Write);
            disposed.Add(memory, Page, Page);
            Should.Throw<InvalidOperationException>(disposed.Dispose);
            Enumerable.Range(0, 4).ShouldAllBe(page => !sparse.IsPinned((ulong)page));
            Forget();
            SpinWait.SpinUntil(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return !sparse.IsPinned(2) && !sparse.IsPinned(3);
                },
                TimeSpan.FromSeconds(30)).ShouldBeTrue();
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Pin()
        {
            PinnedMemory pin = memory.Pin(0, Page);
            Should.Throw<InvalidOperationException>(pin.Dispose);
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Forget()
        {
            memory.Pin(2 * Page, Page);
            new GuestIoVectors(AccessType.Write).Add(memory, 3 * Page, Page);
        }
    }

    [Fact]
    public void An_observer_is_told_of_each_write_until_it_ends()
    {
        using var heap = new HeapBacking(4 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("twice").LeaveBackingsOpen().AddRegion(0, heap).AddRegion(0x10_0000, heap, Page, Page).Build();
        var told = new Recorder();
        using (memory.ObserveWrites(told))
        {
            memory.Write(8, 1);
            memory.Read<int>(8);
            memory.Fill((2 * Page) - 1, 7, 2);
            told.Writes.ShouldBe([(8UL, 4UL), ((2 * Page) - 1, 2UL), (0x10_0000 + Page - 1, 1UL)]);
        }

        memory.Write(8, 1);
        told.Writes.Count.ShouldBe(3);
        memory.IsDisturbedForWrites.ShouldBeFalse();
    }

    private (IDisposable Lock, ulong[] Pages) Lock(string kind, AccessType access)
    {
        var vectors = new GuestIoVectors(access, 1);
        switch (kind)
        {
            case "range":
                return (_memory.Pin((7 * Page) + 5, Page + 10, access), [7, 8]);
            case "pages":
                return (_memory.PinPages([9, 3, 4], access), [3, 4, 9]);
            case "paged range":
                return (_memory.Pin(new PagedRange([5, 12], 100, Page), access), [5, 12]);
            case "slice":
                return (_memory.Slice(Page, 10 * Page).Pin(0, 1, access), [1]);
            case "vectors":
                for (ulong i = 0; i < 12; i++)
                {
                    vectors.Add(_memory, i * Page, 1);
                }

                return (vectors, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            default:
                vectors.Add(_memory.Slice(Page, 14 * Page), new PagedRange([5, 12], 100, Page));
                return (vectors, [6, 13]);
        }
    }

    private ulong[] Collect() => DirtyLogTests.Pages(_log.Collect());

    private sealed class Recorder : IWriteObserver
    {
        internal List<(ulong Address, ulong Length)> Writes { get; } = [];

        public void OnWritten(GuestAddress address, ulong length) => Writes.Add((address.Value, length));
    }

    private sealed class Thrower : IWriteObserver
    {
        public void OnWritten(GuestAddress address, ulong length) => throw new InvalidOperationException("told");
    }
}
