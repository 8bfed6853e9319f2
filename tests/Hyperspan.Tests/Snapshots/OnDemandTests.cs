using Hyperspan.Snapshots;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Snapshots;

public sealed class OnDemandTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public OnDemandTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose() => _bed.Dispose();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_byte_is_as_it_was(bool compress)
    {
        using GuestMemorySnapshot snapshot = await ChainAsync(compress);
        using OnDemandMemory lazy = Create(snapshot);
        lazy.FetchedBytes.ShouldBe(0UL);
        SnapshotBed.BytesOf(lazy.Memory).ShouldEqual(await SnapshotBed.RestoredAsync(snapshot));
        lazy.FetchedBytes.ShouldBe(lazy.StoredBytes);
        lazy.Memory.Write(0x1_0000_0008, 0x55UL);
        lazy.Memory.Read<ulong>(0x1_0000_0008).ShouldBe(0x55UL);
    }

    [SkippableFact]
    public async Task All_operations_bring_their_pages()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        using OnDemandMemory lazy = Create(snapshot);
        GuestMemory memory = lazy.Memory;
        const ulong Step = 64 * 4096;
        memory.CompareExchange((1 * Step) + 0x1008, 7UL, 65UL).ShouldBe(65UL);
        memory.Write((2 * Step) + 0x2008, 9UL);
        memory.Read<ulong>((2 * Step) + 0x2010).ShouldBe(0UL);
        memory.Read<ulong>((2 * Step) + 0x1008).ShouldBe(0UL);
        memory.Fill((3 * Step) + 5, 3, Step);
        memory.CopyTo(4 * Step, memory, 5 * Step, 4096 * 3);
        memory.Read<ulong>((5 * Step) + 0x1008).ShouldBe(257UL);
        using PinnedMemory locked = memory.Pin(6 * Step, Step, AccessType.Read);
        memory.Probe(7 * Step, Step, AccessType.Write);
        lazy.GetTouchedRanges()[0].ShouldBe(new GuestRange(Step, Step));
    }

    [SkippableFact]
    public async Task Page_that_cannot_be_had_is_a_fault_and_comes_when_it_can()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        var source = new Source(snapshot) { Failing = new IOException("no route to page") };
        using OnDemandMemory lazy = Create(source);
        lazy.Memory.TryRead(0x1008, out ulong value, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Exception.ShouldBe(source.Failing);
        fault.Address.ShouldBe(new GuestAddress(0x1008));
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Other);
        source.Failing = null;
        lazy.Memory.TryRead(0x1008, out value, out _).ShouldBeTrue();
        value.ShouldBe(1UL);
    }

    [SkippableFact]
    public async Task Slow_page_is_a_fault_in_time_while_the_rest_goes_on()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        var source = new Source(snapshot) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), GatedFrom = 64 * 4096 };
        using OnDemandMemory lazy = Create(source, new OnDemandOptions { PageTimeout = TimeSpan.FromMilliseconds(50) });
        lazy.Memory.TryRead((64 * 4096) + 0x1008, out ulong value, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Exception.ShouldBeOfType<TimeoutException>();
        while (!lazy.Memory.TryRead(0x1008, out value, out fault))
        {
            fault.Exception.ShouldBeOfType<TimeoutException>();
        }

        value.ShouldBe(1UL);
        source.Gate.SetResult();
        while (!lazy.Memory.TryRead((64 * 4096) + 0x1008, out value, out fault))
        {
            fault.Exception.ShouldBeOfType<TimeoutException>();
        }

        value.ShouldBe(65UL);
    }

    [SkippableFact]
    public async Task Disposal_ends_who_waits()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        var source = new Source(snapshot) { Gate = new TaskCompletionSource(), GatedFrom = 0 };
        OnDemandMemory lazy = Create(source, new OnDemandOptions { PageTimeout = Timeout.InfiniteTimeSpan });
        GuestMemoryFault fault = default;
        var reader = new Thread(() => lazy.Memory.TryRead(0x1008, out ulong _, out fault));
        reader.Start();
        while (source.Reads == 0)
        {
            Thread.Yield();
        }

        lazy.Dispose();
        reader.Join();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [SkippableFact]
    public async Task Disposal_ends_who_waits_for_pages_beforehand()
    {
        // The source does not look at its token: what waited for it did so until it had ended.
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        var source = new Source(snapshot) { Gate = new TaskCompletionSource(), GatedFrom = 0, IgnoresCancellation = true };
        OnDemandMemory lazy = Create(source);
        Task prefetching = lazy.PrefetchAsync();
        while (source.Reads == 0)
        {
            await Task.Yield();
        }

        lazy.Dispose();
        try
        {
            await Should.ThrowAsync<ObjectDisposedException>(() => prefetching.WaitAsync(TimeSpan.FromSeconds(30)));
        }
        finally
        {
            source.Gate.SetResult();
        }
    }

    [SkippableFact]
    public async Task A_source_that_says_more_than_there_is_does_no_harm()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);

        // Looked through chunk by chunk, all addresses take a year.
        var source = new Source(snapshot) { Stored = [new GuestRange(0, ulong.MaxValue)] };
        using (OnDemandMemory lazy = await Task.Run(() => Create(source)).WaitAsync(TimeSpan.FromSeconds(30)))
        {
            lazy.StoredBytes.ShouldBe(512UL * 4096);
            lazy.Memory.Read<ulong>(0x1008).ShouldBe(1UL);
        }

        int before = Directory.GetFiles("/proc/self/fd").Count(IsUserFault);
        Should.Throw<ArgumentException>(() => Create(new Source(snapshot) { Own = [new SnapshotRegion(new GuestRange(0, 1UL << 63), "huge", 4096, Protection.ReadWrite)] }));
        Should.Throw<ArgumentException>(() => Create(new Source(snapshot) { Own = [null!] }));
        Should.Throw<FormatException>(() => Create(new Source(snapshot) { Stored = Failing() }));
        Directory.GetFiles("/proc/self/fd").Count(IsUserFault).ShouldBeLessThanOrEqualTo(before);

        static bool IsUserFault(string path) => new FileInfo(path).LinkTarget?.Contains("userfaultfd", StringComparison.Ordinal) == true;

        static IEnumerable<GuestRange> Failing()
        {
            yield return new GuestRange(0, 4096);
            throw new FormatException();
        }
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(1L + int.MaxValue)]
    [InlineData(long.MaxValue / TimeSpan.TicksPerMillisecond)]
    public void Time_that_cannot_be_waited_is_refused(long milliseconds)
    {
        // It was taken, and then each access failed.
        Should.Throw<ArgumentOutOfRangeException>(() => new OnDemandOptions { PageTimeout = new TimeSpan(milliseconds * TimeSpan.TicksPerMillisecond) });
        new OnDemandOptions { PageTimeout = TimeSpan.FromMilliseconds(int.MaxValue) }.PageTimeout.Days.ShouldBe(24);
        new OnDemandOptions { PageTimeout = Timeout.InfiniteTimeSpan }.PageTimeout.ShouldBe(Timeout.InfiniteTimeSpan);
    }

    [SkippableFact]
    public async Task Prefetch_follows_what_is_stored_or_the_order_given()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync(512);
        var source = new Source(snapshot);
        using (OnDemandMemory lazy = Create(source))
        {
            await lazy.PrefetchAsync([new GuestRange(3 * 64 * 4096, 1), new GuestRange(0x1000, 0x1000)]);
            source.Asked.Select(address => address / (64 * 4096)).Distinct().ShouldBe([3UL, 0UL]);
            await lazy.PrefetchAsync();
            lazy.FetchedBytes.ShouldBe(lazy.StoredBytes);
            int reads = source.Reads;
            lazy.Memory.Read<ulong>(0x1008).ShouldBe(1UL);
            source.Reads.ShouldBe(reads);
        }
    }

    [SkippableFact]
    public async Task Use_under_constant_collections_is_exact()
    {
        using (await NumberedAsync(4096))
        {
        }

        ChildResult result = ChildProcess.Run("on-demand", _bed.PathOf("numbered"), "3");
        Skip.If(result.ExitCode == 3, result.Output);
        result.ShouldSucceed();
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mapped_memory_is_as_it_was_and_stays_private(bool compress)
    {
        using GuestMemorySnapshot snapshot = await ChainAsync(compress);
        byte[] expected = await SnapshotBed.RestoredAsync(snapshot);
        GuestMemory mapped = snapshot.CreateMemory("mapped");
        SnapshotBed.BytesOf(mapped).ShouldEqual(expected);
        SnapshotBed.Scribble(mapped, new Random(1), 200);
        await snapshot.VerifyAsync();
        using GuestMemory again = GuestMemorySnapshot.Map(snapshot.Path);
        again.Name.ShouldBe(Path.GetFileName(snapshot.Path));
        mapped.Dispose();
        SnapshotBed.BytesOf(again).ShouldEqual(expected);
    }

    private static OnDemandMemory Create(GuestMemorySnapshot snapshot)
    {
        try
        {
            return OnDemandMemory.Create(snapshot);
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    private static OnDemandMemory Create(IPageSource source, OnDemandOptions? options = null)
    {
        try
        {
            return OnDemandMemory.Create(source, options);
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    /// <summary>A difference to a full snapshot of random memory.</summary>
    private async Task<GuestMemorySnapshot> ChainAsync(bool compress)
    {
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(11), 300);
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("base"), new SnapshotSaveOptions { Compress = compress });
        SnapshotBed.Scribble(memory, new Random(12), 60);
        using GuestMemorySnapshot since = GuestMemorySnapshot.Open(_bed.PathOf("base"));
        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("next"), new SnapshotSaveOptions { Since = since });
        return GuestMemorySnapshot.Open(_bed.PathOf("next"));
    }

    /// <summary>Pages that hold their number in their second word; each third is zero.</summary>
    private async Task<GuestMemorySnapshot> NumberedAsync(ulong pages)
    {
        using var memory = new GuestMemory(new HeapBacking(pages * 4096), "numbered");
        for (ulong page = 0; page < pages; page++)
        {
            if (page % 3 != 0)
            {
                memory.Write((page * 4096) + 8, page);
            }
        }

        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("numbered"));
        return GuestMemorySnapshot.Open(_bed.PathOf("numbered"));
    }

    private sealed class Source(GuestMemorySnapshot snapshot) : IPageSource
    {
        private readonly List<ulong> _asked = [];

        public Exception? Failing { get; set; }

        public TaskCompletionSource? Gate { get; init; }

        public ulong GatedFrom { get; init; }

        public int Reads
        {
            get
            {
                lock (_asked)
                {
                    return _asked.Count;
                }
            }
        }

        public IReadOnlyList<ulong> Asked
        {
            get
            {
                lock (_asked)
                {
                    return [.. _asked];
                }
            }
        }

        public bool IgnoresCancellation { get; init; }

        public IEnumerable<GuestRange>? Stored { get; init; }

        public IReadOnlyList<SnapshotRegion>? Own { get; init; }

        public IReadOnlyList<SnapshotRegion> Regions => Own ?? snapshot.Regions;

        public IEnumerable<GuestRange> GetStoredRanges() => Stored ?? snapshot.GetStoredRanges();

        public async ValueTask ReadPagesAsync(GuestAddress address, Memory<byte> destination, CancellationToken cancellationToken)
        {
            lock (_asked)
            {
                _asked.Add(address.Value);
            }

            if (Failing is { } failure)
            {
                throw failure;
            }

            if (Gate is { } gate && address.Value >= GatedFrom)
            {
                await gate.Task.WaitAsync(IgnoresCancellation ? CancellationToken.None : cancellationToken);
            }

            snapshot.Read(address, destination.Span);
        }
    }
}
