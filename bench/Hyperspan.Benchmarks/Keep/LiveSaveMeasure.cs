using System.Diagnostics;
using System.Globalization;

using Hyperspan.Snapshots;

namespace Hyperspan.Benchmarks.Keep;

/// <summary>How long writers are held while memory is saved as of one moment (<c>SaveLiveAsync</c>).</summary>
internal static class LiveSaveMeasure
{
    private const ulong Page = 4096;
    private const int Rounds = 3;

    // What takes longer than this was held, or somebody else ran.
    private const double HeldMilliseconds = 0.003;

    internal static void Run(string name, GuestMemory memory, string folder)
    {
        string path = Path.Combine(folder, "live");
        try
        {
            GuestMemorySnapshot.SaveLiveAsync(memory, path).GetAwaiter().GetResult();
        }
        catch (PlatformNotSupportedException e)
        {
            Console.WriteLine(e.Message);
            return;
        }

        double armed = double.MaxValue;
        double alone = double.MaxValue;
        double live = double.MaxValue;
        double written = double.MaxValue;
        double holdArming = double.MaxValue;
        double holdSaving = double.MaxValue;
        double holdIdle = double.MaxValue;
        double median = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            alone = Math.Min(alone, Save(() => GuestMemorySnapshot.SaveAsync(memory, path)));
            live = Math.Min(live, Save(() => GuestMemorySnapshot.SaveLiveAsync(memory, path)));
            File.Delete(path);
            long captured = 0;
            using var writer = new HeldWriter(memory);
            holdIdle = Math.Min(holdIdle, writer.LongestWithin(TimeSpan.FromMilliseconds(200)));
            long start = Stopwatch.GetTimestamp();
            var options = new SnapshotSaveOptions
            {
                Captured = () =>
                {
                    captured = Stopwatch.GetTimestamp();
                    holdArming = Math.Min(holdArming, writer.TakeLongest());
                },
            };
            written = Math.Min(written, Save(() => GuestMemorySnapshot.SaveLiveAsync(memory, path, options)));
            holdSaving = Math.Min(holdSaving, writer.TakeLongest());
            median = Math.Min(median, writer.MedianOfHeld());
            armed = Math.Min(armed, Stopwatch.GetElapsedTime(start, captured).TotalMilliseconds);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: saved in {alone:0} ms, live {live:0} ms, live while one thread writes all the time {written:0} ms\n"
            + $"  until it is captured {armed:0.00} ms; longest write: idle {holdIdle:0.000} ms, while it is protected {holdArming:0.00} ms, "
            + $"while it is saved {holdSaving:0.000} ms; median of those held {median * 1000:0.0} us"));
    }

    internal static GuestMemory Touched(GuestMemoryBacking backing)
    {
        var memory = new GuestMemory(backing);
        for (ulong at = 0; at < memory.End; at += Page)
        {
            memory.Write(at, at + 1);
        }

        return memory;
    }

    private static double Save(Func<Task> save) => KeepCommand.Time(() => save().GetAwaiter().GetResult());

    /// <summary>A thread that writes to random pages all the time, and knows how long the longest write took.</summary>
    private sealed class HeldWriter : IDisposable
    {
        private readonly GuestMemory _memory;
        private readonly Thread _thread;
        private readonly List<long> _held = [];
        private volatile bool _over;
        private long _longest;

        internal HeldWriter(GuestMemory memory)
        {
            _memory = memory;
            _thread = new Thread(Write) { IsBackground = true };
            _thread.Start();
        }

        public void Dispose()
        {
            _over = true;
            _thread.Join();
        }

        internal double TakeLongest() => Interlocked.Exchange(ref _longest, 0) * 1000.0 / Stopwatch.Frequency;

        internal double LongestWithin(TimeSpan time)
        {
            TakeLongest();
            Thread.Sleep(time);
            return TakeLongest();
        }

        /// <summary>Ends it.</summary>
        internal double MedianOfHeld()
        {
            Dispose();
            _held.Sort();
            return _held.Count == 0 ? 0 : _held[_held.Count / 2] * 1000.0 / Stopwatch.Frequency;
        }

        private void Write()
        {
            var random = new Random(1);
            ulong pages = _memory.End / Page;
            while (!_over)
            {
                ulong address = (ulong)random.NextInt64((long)pages) * Page;
                long start = Stopwatch.GetTimestamp();
                _memory.Write(address, 5UL);
                long took = Stopwatch.GetTimestamp() - start;
                if (took > HeldMilliseconds * Stopwatch.Frequency / 1000)
                {
                    _held.Add(took);
                }

                if (took > Volatile.Read(ref _longest))
                {
                    Volatile.Write(ref _longest, took);
                }
            }
        }
    }
}
