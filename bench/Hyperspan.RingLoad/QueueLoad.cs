using System.Diagnostics;

using Hyperspan.Testing;
using Hyperspan.Virtio;

namespace Hyperspan.RingLoad;

/// <summary>Keeps so many random reads in flight in one queue.</summary>
internal sealed class QueueLoad : IVirtQueueTransport, IDisposable
{
    private const ushort Size = 256;

    private readonly VhostUserFrontEndQueue _events;
    private readonly VirtioBlockDriver _driver;
    private readonly Random _random;
    private readonly ulong _buffers;
    private readonly int _depth;
    private readonly uint _bytes;
    private readonly ulong _sectors;
    private readonly List<double> _times = new(1 << 20);

    internal QueueLoad(VhostUserFrontEnd frontEnd, GuestMemory memory, int index, ulong at, int depth, uint bytes, ulong sectors, bool isPacked)
    {
        VirtQueueFeatures ring = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex | (isPacked ? VirtQueueFeatures.PackedRing : 0);
        var queue = new VirtQueueDriver(memory, at, Size, ring, 4);
        _driver = new VirtioBlockDriver(memory, queue, at + (1UL << 20), this, indirect: true);
        _buffers = at + (2UL << 20);
        (_depth, _bytes, _sectors) = (depth, bytes, sectors);
        _random = new Random(index);
        _events = frontEnd.StartQueue(index, queue.Layout);
    }

    internal long Requests { get; private set; }

    public void Kick() => _events.Kick();

    public bool Wait() => _events.WaitForCall(TimeSpan.FromSeconds(30));

    public void Dispose() => _events.Dispose();

    internal double Percentile(int percent)
    {
        _times.Sort();
        return _times.Count == 0 ? 0 : _times[(int)((long)(_times.Count - 1) * percent / 100)];
    }

    internal void Run(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        var slots = new Stack<int>(Enumerable.Range(0, _depth));
        var slotOf = new int[Size];
        while (Stopwatch.GetElapsedTime(start) < time || slots.Count != _depth)
        {
            bool isOver = Stopwatch.GetElapsedTime(start) >= time;
            while (!isOver && slots.TryPop(out int slot))
            {
                ulong sector = (ulong)_random.NextInt64((long)(_sectors / (_bytes / 512))) * (_bytes / 512);
                if (!_driver.TrySubmitRead(sector, [new ChainSegment(_buffers + ((ulong)slot * _bytes), _bytes)], out ushort token))
                {
                    throw new InvalidOperationException("the queue is full");
                }

                slotOf[token] = slot;
            }

            long sent = Stopwatch.GetTimestamp();
            _driver.Kick();
            BlockCompletion completion = _driver.WaitForCompletion();
            if (_depth == 1)
            {
                _times.Add(Stopwatch.GetElapsedTime(sent).TotalMicroseconds);
            }

            do
            {
                if (completion.Status != BlockStatus.Ok)
                {
                    throw new InvalidOperationException($"a read failed: {completion.Status}");
                }

                slots.Push(slotOf[completion.Token]);
                Requests++;
            }
            while (_driver.TryComplete(out completion));
        }
    }
}
