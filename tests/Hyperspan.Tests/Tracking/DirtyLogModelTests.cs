using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests.Tracking;

/// <summary>
/// Writers write by every way while two readers, with pages of different sizes, keep copies: start, copy all, then copy what was collected, again and again. A write that
/// was over before a collection must be in the copy after it; and when the writers have ended, a last collection makes the copies equal to the memory.
/// </summary>
public sealed class DirtyLogModelTests
{
    private const ulong Page = TrackedMemories.Page;
    private const int Writers = 3;

    // Where each writer counts what it has done: a value of its own in the last page, and one beside it that says that the write is over.
    private const ulong Counters = 15 * Page;

    public static TheoryData<string> Kinds =>
    [
        .. TrackedMemories.Kinds.Where(static kind => kind is not ("slice" or "made by the backing" or "second region" or "fallback")),
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Copies_are_what_was_written(string kind)
    {
        (GuestMemory memory, GuestMemory root, _) = TrackedMemories.Make(kind);
        using (root)
        {
            long[] over = new long[Writers * 16];
            bool stop = false;
            int failures = 0;
            Thread[] writers = [.. Enumerable.Range(0, Writers).Select(index => new Thread(() => Write(memory, index, over, ref stop, ref failures)))];
            foreach (Thread writer in writers)
            {
                writer.Start();
            }

            // The rounds may take less time than a thread to start.
            SpinWait.SpinUntil(() => Enumerable.Range(0, Writers).All(index => Volatile.Read(ref over[index * 16]) > 0));

            // The slice was made while nothing was tracked, and is written to as well.
            using (var small = new Follower(root, Page, over))
            using (var large = new Follower(root, 4 * Page, over))
            {
                var other = new Thread(() => large.Follow(LongRun.Count(100, 20_000)));
                other.Start();
                small.Follow(LongRun.Count(100, 20_000));
                other.Join();
                Volatile.Write(ref stop, true);
                foreach (Thread writer in writers)
                {
                    writer.Join();
                }

                failures.ShouldBe(0);
                small.End().ShouldBeNull();
                large.End().ShouldBeNull();
            }
        }
    }

    private static void Write(GuestMemory memory, int index, long[] over, ref bool stop, ref int failures)
    {
        var random = new Random(index);
        byte[] bytes = new byte[3 * Page];
        random.NextBytes(bytes);
        using GuestMemory view = memory.Slice(Page, 13 * Page);
        for (long count = 1; !Volatile.Read(ref stop); count++)
        {
            ulong at = (ulong)random.Next((int)(10 * Page));
            int length = random.Next(bytes.Length);
            bool written = random.Next(9) switch
            {
                0 => memory.TryWrite(at, bytes.AsSpan(0, length)),
                1 => view.TryFill(at, (byte)count, (ulong)length),
                2 => memory.TryWrite(at & ~7UL, count),
                3 => view.TryWrite(at, (int)count, out _),
                4 => memory.TryAdd(at & ~3UL, 1, out int _, out _),
                5 => memory.TryCopyTo(at, view, (ulong)random.Next((int)(9 * Page)), (ulong)length, out _),
                6 => view.TryWrite(at, bytes.AsSpan(0, length & 63)),
                7 => memory.TryExchange(at & ~1UL, (short)count, out _, out _),
                _ => memory.TryWrite(at, (Int128)count, out _),
            };
            if (!written || !memory.TryWrite(Counters + ((ulong)index * 8), count))
            {
                Interlocked.Increment(ref failures);
            }

            Volatile.Write(ref over[index * 16], count);
        }
    }

    private sealed class Follower : IDisposable
    {
        private readonly GuestMemory _memory;
        private readonly GuestMemory _copy = GuestMemory.Allocate(TrackedMemories.Length);
        private readonly DirtyLog _log;
        private readonly long[] _over;
        private string? _failure;

        internal Follower(GuestMemory memory, ulong pageSize, long[] over)
        {
            _memory = memory;
            _over = over;
            _log = new DirtyLog(memory, pageSize);
        }

        public void Dispose()
        {
            _log.Dispose();
            _copy.Dispose();
        }

        internal void Follow(int rounds)
        {
            for (int i = 0; i < rounds && _failure is null; i++)
            {
                // Now and then from the start: what was on its way then is in the copy of all, or is collected.
                if (i % 10 == 0)
                {
                    _log.Stop();
                    _log.Start();
                    _memory.CopyTo(0, _copy, 0, TrackedMemories.Length);
                }

                long[] before = [.. Enumerable.Range(0, Writers).Select(index => Volatile.Read(ref _over[index * 16]))];
                Copy(_log.Collect());
                for (int index = 0; index < Writers; index++)
                {
                    long copied = _copy.Read<long>(Counters + ((ulong)index * 8));
                    _failure ??= copied >= before[index] ? null : $"round {i}: writer {index} had written {before[index]} before the collection, the copy has {copied}";
                }

                if (i % 3 == 0)
                {
                    Thread.Yield();
                }
            }
        }

        internal string? End()
        {
            Copy(_log.Collect());
            byte[] left = new byte[Page];
            byte[] right = new byte[Page];
            for (ulong at = 0; at < TrackedMemories.Length; at += Page)
            {
                _memory.Read(at, left);
                _copy.Read(at, right);
                _failure ??= left.AsSpan().SequenceEqual(right) ? null : $"the page at 0x{at:x} differs from its copy";
            }

            return _failure;
        }

        private void Copy(DirtyPages dirty)
        {
            foreach (GuestRange range in dirty)
            {
                ulong size = Math.Min(range.Length, TrackedMemories.Length - range.Start.Value);
                _memory.CopyTo(range.Start, _copy, range.Start, size);
            }
        }
    }
}
