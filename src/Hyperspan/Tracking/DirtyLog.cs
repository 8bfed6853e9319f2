using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>Knows which pages of a memory have been written since it was last asked.</summary>
/// <remarks>
/// <para>
/// What is written through any <see cref="GuestMemory"/> over the same backings counts: values, bytes, fills, copies, atomic operations, what fallback methods do, and what
/// was pinned for writing. What is written through bare pointers, by native code or by system calls counts where that is asked for: <see cref="DirtyLogScope.Mapping"/>. What
/// a hypervisor's guest writes counts where that keeps a log: <see cref="AddSource"/>. What other processes write through mappings of their own, and what is written to the
/// file, is not seen.
/// </para>
/// <para>
/// No write is in neither period: one that happened before <see cref="Collect"/> was called is in that collection or in an earlier one, and whoever reads the page
/// afterwards reads what was written. One that runs meanwhile is in that collection or in the next. A collection may name pages that were not changed.
/// </para>
/// <para>
/// Any number of logs may be started on one memory, each with periods of its own. While none is, nothing on any path is slower. Safe for use from any number of threads;
/// collections of one log come one after the other. The log keeps the memory alive; stop it, or dispose it.
/// </para>
/// <example>
/// <code>
/// using var log = new DirtyLog(memory);
/// log.Start();
/// CopyAll(memory);
/// foreach (GuestRange range in log.Collect())
/// {
///     Copy(memory, range);
/// }
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{Memory.Name}, pages of {PageSize} bytes, generation {Generation}")]
public sealed class DirtyLog : IDisposable
{
    private const int LeastShift = GuestAddress.PageShift;
    private const int MostShift = 21;

    private readonly Lock _lock = new();
    private readonly int _shift;
    private readonly DirtyLogScope _scope;
    private readonly List<IDirtySource> _sources = [];
    private List<Reader>? _readers;
    private ulong _generation;

    /// <summary>Initializes a new instance of the <see cref="DirtyLog"/> class, which is not started.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="pageSize">The size of a page in bytes: a power of two from 4096 to 2 MiB. A page is dirty as a whole.</param>
    /// <param name="scope">Whose writes count.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is none of those.</exception>
    /// <exception cref="NotSupportedException">The addresses of the memory are translated: track the memory that they are translated to.</exception>
    public DirtyLog(GuestMemory memory, ulong pageSize = GuestAddress.PageSize, DirtyLogScope scope = DirtyLogScope.Operations)
    {
        ArgumentNullException.ThrowIfNull(memory);
        memory.ThrowIfTranslated();
        if (!BitOperations.IsPow2(pageSize) || pageSize is < (1UL << LeastShift) or > (1UL << MostShift))
        {
            throw new ArgumentOutOfRangeException(nameof(pageSize), pageSize, "the size of a page is a power of two from 4 KiB to 2 MiB");
        }

        Memory = memory;
        _shift = BitOperations.Log2(pageSize);
        _scope = scope;
    }

    /// <summary>Gets the memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Gets the size of a page in bytes.</summary>
    public ulong PageSize => 1UL << _shift;

    /// <summary>Gets a value indicating whether it is started.</summary>
    public bool IsStarted => Volatile.Read(ref _readers) is not null;

    /// <summary>Gets the number of the period that runs; zero before the first start.</summary>
    public ulong Generation => Volatile.Read(ref _generation);

    /// <summary>
    /// Adds somebody else's log of what he writes to the memory: a partition's, of its guest's processors. It is started, asked and stopped with this.
    /// </summary>
    /// <param name="source">The source. It stays the caller's, and has to be usable until this is stopped.</param>
    /// <exception cref="InvalidOperationException">The log is started.</exception>
    public void AddSource(IDirtySource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        lock (_lock)
        {
            if (_readers is not null)
            {
                throw new InvalidOperationException("the log is started: add sources before");
            }

            _sources.Add(source);
        }
    }

    /// <summary>Takes a source away that was added, once if it was added more often: one that is gone, a partition that was disposed, could not be started again.</summary>
    /// <param name="source">The source.</param>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="InvalidOperationException">The log is started.</exception>
    public bool RemoveSource(IDirtySource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        lock (_lock)
        {
            return _readers is null ? _sources.Remove(source) : throw new InvalidOperationException("the log is started: stop it before sources are taken away");
        }
    }

    /// <summary>Starts, with a period in which nothing has been written. What was written before can be read when this returns.</summary>
    /// <exception cref="InvalidOperationException">It is started.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    /// <exception cref="PlatformNotSupportedException">The mapping is to be watched, and this kernel cannot do it, or this process may not ask it to.</exception>
    /// <exception cref="GuestMemoryMappingException">A mapping cannot be watched: something else does (<see cref="Snapshots.OnDemandMemory"/>).</exception>
    /// <remarks>What a source throws that cannot start reaches the caller; then nothing is started.</remarks>
    public void Start()
    {
        lock (_lock)
        {
            if (_readers is not null)
            {
                throw new InvalidOperationException("the log is started");
            }

            ObjectDisposedException.ThrowIf(Memory.IsDisposed, Memory);
            var readers = new List<Reader>();
            int started = 0;
            try
            {
                foreach (MemoryRegion region in Memory.TrackedRegions)
                {
                    if (!readers.Exists(reader => reader.Backing == region.Backing))
                    {
                        readers.Add(new Reader(region.Backing, _scope));
                    }
                }

                for (; started < _sources.Count; started++)
                {
                    _sources[started].BeginLogging();
                }
            }
            catch
            {
                // What cannot start is what the caller is told.
                _ = Leave(readers, started);
                throw;
            }

            // Stores that found their gate calm are there for whoever reads from now on; all others tell.
            Interlocked.MemoryBarrierProcessWide();
            _generation++;
            Volatile.Write(ref _readers, readers);
        }
    }

    /// <summary>Gives the pages that were written in the period that ends with this, and begins a new one.</summary>
    /// <returns>The pages, by their addresses in <see cref="Memory"/>. They may reach beyond its regions where pages are larger than those.</returns>
    /// <exception cref="InvalidOperationException">It is not started.</exception>
    /// <remarks>What a source throws reaches the caller. The period then goes on: no write is lost.</remarks>
    public DirtyPages Collect()
    {
        lock (_lock)
        {
            List<Reader> readers = _readers ?? throw new InvalidOperationException("the log is not started");
            _sources.ForEach(static source => source.ReportWrites());

            // First: what is unpinned meanwhile is found here, or among the marks.
            WriteHold.TellAll();
            try
            {
                foreach (Reader reader in readers)
                {
                    reader.Take();
                }

                // A write that found its page marked has done nothing else: what it wrote is there after this.
                ProcessBarrier.Issue();
                DirtyPages pages = Join(readers);
                readers.ForEach(static reader => reader.Forget());
                _generation++;
                return pages;
            }
            catch
            {
                // The next collection names what was taken of backings that were asked before this.
                readers.ForEach(static reader => reader.GiveBack());
                throw;
            }
        }
    }

    /// <summary>
    /// Ends the period that runs, and with it what writes cost more. Does nothing where it is not started. What was not collected is forgotten. The first exception of a
    /// source is thrown when all is ended.
    /// </summary>
    public void Stop()
    {
        Exception? failure;
        using (UninterruptedLock.Enter(_lock))
        {
            if (_readers is not { } readers)
            {
                return;
            }

            failure = Leave(readers, _sources.Count);
            Volatile.Write(ref _readers, null);
        }

        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Stops.</summary>
    public void Dispose() => Stop();

    /// <summary>Ends what was started, all of it; answers the first exception of a source.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a source throws, the others are stopped; the first reaches the caller.")]
    private Exception? Leave(List<Reader> readers, int sources)
    {
        Exception? failure = null;
        while (sources > 0)
        {
            try
            {
                _sources[--sources].EndLogging();
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }

        readers.ForEach(static reader => reader.Remove());
        return failure;
    }

    private DirtyPages Join(List<Reader> readers)
    {
        var pages = new DirtyWordList();
        foreach (MemoryRegion region in Memory.TrackedRegions)
        {
            Reader reader = readers.Find(reader => reader.Backing == region.Backing)!;
            reader.AddTo(pages, region, _shift);
        }

        return new DirtyPages([.. pages.Words], _shift, _generation);
    }

    /// <summary>What one backing owes this log.</summary>
    private sealed class Reader
    {
        private readonly BackingDirtyLog _log;
        private readonly DirtyMap _owed;
        private DirtyWordList _taken = new();

        internal Reader(GuestMemoryBacking backing, DirtyLogScope scope)
        {
            Backing = backing;
            _owed = backing.AddDirtyReader(scope, out _log);
        }

        internal GuestMemoryBacking Backing { get; }

        internal void Take() => _log.Take(_owed, ref _taken);

        /// <summary>What was taken is the caller's.</summary>
        internal void Forget() => _taken.Words.Clear();

        internal void GiveBack()
        {
            _log.GiveBack(_owed, _taken.Words);
            Forget();
        }

        internal void Remove() => Backing.RemoveDirtyReader(_log, _owed);

        /// <summary>Adds what was taken, as far as a region shows it, by the addresses there.</summary>
        internal void AddTo(DirtyWordList pages, MemoryRegion region, int shift)
        {
            ulong last = region.BackingOffset + (region.Length - 1);
            List<DirtyWord> words = _taken.Words;
            ulong first = region.BackingOffset >> GuestAddress.PageShift >> DirtyMap.WordShift;
            int at = DirtyWord.FirstAtOrAbove(CollectionsMarshal.AsSpan(words), first);
            for (; at < words.Count && words[at].Index << DirtyMap.WordShift << GuestAddress.PageShift <= last; at++)
            {
                DirtyWord word = words[at];
                foreach (BitRun run in new BitRuns(word.Bits))
                {
                    ulong from = ((word.Index << DirtyMap.WordShift) + (ulong)run.First) << GuestAddress.PageShift;
                    ulong to = Math.Min(from + (((ulong)run.Count << GuestAddress.PageShift) - 1), last);
                    from = Math.Max(from, region.BackingOffset);
                    if (from <= to)
                    {
                        ulong start = region.Start + (from - region.BackingOffset);
                        pages.AddPages(start >> shift, (start + (to - from)) >> shift);
                    }
                }
            }
        }
    }
}
