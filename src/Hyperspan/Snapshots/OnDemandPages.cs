using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.ExceptionServices;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.UserFaults;

namespace Hyperspan.Snapshots;

/// <summary>
/// Which pages are there, which are on their way, and which are to come. A chunk is fetched by one thread at a time; others that want something of it wait for that one.
/// </summary>
internal sealed class OnDemandPages : IDisposable
{
    private readonly IPageSource _source;
    private readonly TimeSpan _timeout;
    private readonly bool _isOwn;
    private readonly RegionMap _map;
    private readonly UserFaultDescriptor _descriptor;
    private readonly List<OnDemandBacking> _backings = [];
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _gate = new();

    // By region, a word for each chunk that it touches: 16 bytes for 256 KiB.
    private readonly ulong[][] _stored;
    private readonly ulong[][] _present;
    private readonly Dictionary<ulong, Task> _fetches = [];
    private readonly List<ulong> _touched = [];

    internal OnDemandPages(IPageSource source, TimeSpan timeout)
    {
        _source = source;
        _timeout = timeout;
        _isOwn = source is SnapshotPageSource;
        _map = new RegionMap([.. source.Regions]);
        PlatformAbilities.Demand(HyperspanAbility.OnDemandMemory);
        _stored = new ulong[_map.All.Count][];
        _present = new ulong[_map.All.Count][];
        for (int i = 0; i < _stored.Length; i++)
        {
            PageMath.RequireMappableLength(_map.All[i].Length, nameof(source));
            ulong chunks = LastChunk(i) - FirstChunk(i) + 1;
            _stored[i] = new ulong[chunks];
            _present[i] = new ulong[chunks];
        }

        // Of what is memory alone: who has all that there can be says so in one range.
        var stored = new ChangedPages(source.GetStoredRanges());
        for (ulong from = 0; _map.TryNextChunk(from, out ulong chunk) && stored.TryNext(chunk, out chunk, out ulong pages); from = chunk + 1)
        {
            for (int i = _map.FirstEndingAtOrAfter(chunk); i < _map.All.Count && FirstChunk(i) <= chunk; i++)
            {
                ulong here = pages & _map.All[i].PagesOf(chunk);
                _stored[i][chunk - FirstChunk(i)] |= here;
                StoredPages += (ulong)BitOperations.PopCount(here);
            }
        }

        // Last: nothing is left behind where the source fails.
        _descriptor = UserFaultDescriptor.Create(LinuxConstants.UFFD_FEATURE_SIGBUS, HyperspanAbility.OnDemandMemory, "Linux 5.11");
    }

    /// <summary>Gets the pages that the source has.</summary>
    internal ulong StoredPages { get; }

    /// <summary>Gets the pages of these that are in place.</summary>
    internal ulong FetchedPages
    {
        get
        {
            lock (_gate)
            {
                ulong pages = 0;
                for (int i = 0; i < _present.Length; i++)
                {
                    for (int chunk = 0; chunk < _present[i].Length; chunk++)
                    {
                        pages += (ulong)BitOperations.PopCount(_present[i][chunk] & _stored[i][chunk]);
                    }
                }

                return pages;
            }
        }
    }

    /// <summary>Gets the regions.</summary>
    internal RegionMap Map => _map;

    internal unsafe OnDemandBacking Add(SnapshotRegion region)
    {
        var backing = new OnDemandBacking(this, region);
        _backings.Add(backing);
        _descriptor.Register(backing.Pages, backing.PagesLength, region.Name);
        return backing;
    }

    /// <summary>Fetches what is missing of a chunk before it is accessed; ends when it is there, when it cannot be had, and when nobody is to have it any more.</summary>
    internal async Task PrefetchAsync(ulong chunk, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_end.Token, cancellationToken);
        try
        {
            await Fetch(chunk, isAccess: false).WaitAsync(either.Token);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (OperationCanceledException e) when (_end.IsCancellationRequested)
        {
            throw new ObjectDisposedException("The memory has been disposed.", e);
        }
    }

    /// <summary>Ends all waiting; accesses that wait fail.</summary>
    internal void End() => _end.Cancel();

    public void Dispose()
    {
        _end.Cancel();
        _descriptor.Dispose();
    }

    /// <summary>The chunks of which accesses wanted something, in the order in which they did.</summary>
    internal GuestRange[] Touched()
    {
        lock (_gate)
        {
            return [.. _touched.Select(chunk => new GuestRange(chunk << SnapshotFormat.ChunkShift, SnapshotFormat.ChunkSize))];
        }
    }

    /// <summary>Sees to it that a page is there, or says why it cannot be had.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a source throws becomes the cause of the fault.")]
    internal PageFaultAction Resolve(ulong page)
    {
        ulong chunk = page / SnapshotFormat.ChunkPages;
        try
        {
            Task fetch = Fetch(chunk, isAccess: true);
            if (!fetch.IsCompleted && !fetch.Wait(_timeout, _end.Token))
            {
                return PageFaultAction.Fail(GuestMemoryFaultKind.Other, new TimeoutException($"The page did not come within {_timeout.TotalSeconds:0.###} s."));
            }

            fetch.GetAwaiter().GetResult();
            return PageFaultAction.Retry;
        }
        catch (OperationCanceledException e) when (_end.IsCancellationRequested)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Disposed, e);
        }
        catch (AggregateException e) when (_end.IsCancellationRequested)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Disposed, e.InnerException);
        }
        catch (AggregateException e)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, e.InnerException ?? e);
        }
        catch (Exception e)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, e);
        }
    }

    /// <summary>Fetches everything that is missing of a chunk, or joins who does so already.</summary>
    internal Task Fetch(ulong chunk, bool isAccess)
    {
        TaskCompletionSource done;
        lock (_gate)
        {
            if (_fetches.TryGetValue(chunk, out Task? other))
            {
                return other;
            }

            if (Missing(chunk) == 0)
            {
                return Task.CompletedTask;
            }

            if (isAccess)
            {
                _touched.Add(chunk);
            }

            done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _fetches.Add(chunk, done.Task);

            // Its failure may be nobody's: then it is not an unobserved one.
            _ = done.Task.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }

        if (_isOwn)
        {
            // Reading a file waits for nobody but the file system: at once, on this thread.
            _ = PopulateAsync(chunk, done);
        }
        else
        {
            _ = Task.Run(() => PopulateAsync(chunk, done), CancellationToken.None);
        }

        return done.Task;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a source throws reaches who waits.")]
    private async Task PopulateAsync(ulong chunk, TaskCompletionSource done)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SnapshotFormat.ChunkSize);
        ExceptionDispatchInfo? failure = null;
        try
        {
            for (int i = _map.FirstEndingAtOrAfter(chunk); i < _map.All.Count && FirstChunk(i) <= chunk; i++)
            {
                ulong place = chunk - FirstChunk(i);
                ulong missing = _map.All[i].PagesOf(chunk) & ~Volatile.Read(ref _present[i][place]);
                ulong wanted = missing & _stored[i][place];

                // Pages are put in place as the system has them. Where those are larger, one that holds anything is read, and what it lacks of the region is zero.
                ulong copied = InHostPages(wanted);
                missing = InHostPages(missing);
                for (ulong left = missing; left != 0;)
                {
                    int page = BitOperations.TrailingZeroCount(left);
                    bool isZero = (copied >> page & 1) == 0;
                    BitRun run = BitRuns.At(isZero ? missing & ~copied : copied, page);
                    ulong address = PageAt(chunk, page);
                    Memory<byte> bytes = buffer.AsMemory(0, run.Count << SnapshotFormat.PageShift);
                    if (!isZero)
                    {
                        await ReadAsync(chunk, run, wanted, bytes);
                    }

                    Place(i, address, isZero, bytes.Span);
                    Interlocked.Or(ref _present[i][place], run.Bits);
                    left &= ~run.Bits;
                }
            }
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        lock (_gate)
        {
            _fetches.Remove(chunk);
        }

        if (failure is null)
        {
            done.SetResult();
        }
        else
        {
            done.SetException(failure.SourceException);
        }
    }

    /// <summary>Reads a run of pages, of which those that are wanted are read and the others zero.</summary>
    private async Task ReadAsync(ulong chunk, BitRun run, ulong wanted, Memory<byte> bytes)
    {
        if ((wanted & run.Bits) != run.Bits)
        {
            bytes.Span.Clear();
        }

        for (ulong left = wanted & run.Bits; left != 0;)
        {
            BitRun part = BitRuns.At(left, BitOperations.TrailingZeroCount(left));
            Memory<byte> place = bytes.Slice((part.First - run.First) << SnapshotFormat.PageShift, part.Count << SnapshotFormat.PageShift);
            await _source.ReadPagesAsync(PageAt(chunk, part.First), place, _end.Token);
            left &= ~part.Bits;
        }
    }

    private static ulong PageAt(ulong chunk, int page) => (chunk << SnapshotFormat.ChunkShift) + ((ulong)page << SnapshotFormat.PageShift);

    /// <summary>All pages of those of the system's that have one of these.</summary>
    private static ulong InHostPages(ulong pages)
    {
        int count = (int)(PageMath.HostPageSize >> SnapshotFormat.PageShift);
        ulong all = (1UL << count) - 1;
        ulong firsts = ulong.MaxValue / all;
        ulong any = 0;
        for (int i = 0; i < count; i++)
        {
            any |= (pages >> i) & firsts;
        }

        return any * all;
    }

    private void Place(int region, ulong address, bool isZero, ReadOnlySpan<byte> bytes)
    {
        OnDemandBacking backing = _backings[region];
        ObjectDisposedException.ThrowIf(!backing.TryBeginUse(), backing);

        try
        {
            int error;
            unsafe
            {
                // SAFETY: whole pages of this backing's mapping, which stays while it is in use.
                byte* at = backing.Pages + (address - backing.PagesStart);
                error = isZero ? _descriptor.Zero(at, (ulong)bytes.Length) : _descriptor.Copy(at, bytes, PageMath.HostPageSize);
            }

            if (error != 0)
            {
                throw new GuestMemoryMappingException("put pages in place at", error, backing.Name, (address - backing.PagesStart, (ulong)bytes.Length));
            }
        }
        finally
        {
            backing.EndUse();
        }
    }

    private ulong Missing(ulong chunk)
    {
        ulong missing = 0;
        for (int i = _map.FirstEndingAtOrAfter(chunk); i < _map.All.Count && FirstChunk(i) <= chunk; i++)
        {
            missing |= _map.All[i].PagesOf(chunk) & ~_present[i][chunk - FirstChunk(i)];
        }

        return missing;
    }

    /// <summary>Whether anything stored in a chunk is not in place.</summary>
    internal bool LacksStored(ulong chunk)
    {
        for (int i = _map.FirstEndingAtOrAfter(chunk); i < _map.All.Count && FirstChunk(i) <= chunk; i++)
        {
            ulong place = chunk - FirstChunk(i);
            if ((_stored[i][place] & ~Volatile.Read(ref _present[i][place])) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private ulong FirstChunk(int region) => _map.All[region].Range.Start.Value >> SnapshotFormat.ChunkShift;

    private ulong LastChunk(int region) => _map.All[region].Range.Last!.Value.Value >> SnapshotFormat.ChunkShift;

    /// <summary>The chunks that ranges touch, within the regions.</summary>
    internal IEnumerable<ulong> ChunksOf(IEnumerable<GuestRange> ranges)
    {
        foreach (GuestRange range in ranges)
        {
            if (range.IsEmpty)
            {
                continue;
            }

            ulong last = range.Last!.Value.Value >> SnapshotFormat.ChunkShift;
            for (ulong chunk = range.Start.Value >> SnapshotFormat.ChunkShift; _map.TryNextChunk(chunk, out chunk) && chunk <= last; chunk++)
            {
                yield return chunk;
            }
        }
    }
}
