using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// What one queue has in use of the front end's translations: its own rings while it is served, and the buffers of its chains from being looked at until they are returned. Who
/// takes translations away stops those queues first that use them.
/// </summary>
/// <remarks>So no thread of a queue waits for a translation while it is to stop: what it needs to end was there when it began.</remarks>
internal sealed class RingGate : IBufferGate
{
    // A chain of more ranges gives its room back when it is returned.
    private const int MostKept = 64;

    private readonly DeviceIotlb _iotlb;
    private readonly (ulong Address, ulong Length, bool IsWritable)[] _parts;

    // What follows is used under the lock of the translations: first and last addresses of pages.
    private readonly List<(ulong First, ulong Last)> _looked = [];

    // When the chain that is looked at first missed a translation, or zero; and whether a buffer of it is refused, as far as is known.
    private long _since;
    private bool _isRefused;
    private readonly List<(ulong First, ulong Last)>?[] _held;

    /// <summary>Initializes a new instance of the <see cref="RingGate"/> class.</summary>
    /// <param name="iotlb">The translations.</param>
    /// <param name="layout">Where the queue lies, in I/O virtual addresses.</param>
    /// <param name="features">Says what its parts are.</param>
    internal RingGate(DeviceIotlb iotlb, in VirtQueueLayout layout, VirtQueueFeatures features)
    {
        _iotlb = iotlb;
        _held = new List<(ulong, ulong)>?[layout.Size];
        _parts =
        [
            (layout.DescriptorTable.Value, VirtQueueLayout.DescriptorTableLength(layout.Size), (features & VirtQueueFeatures.PackedRing) != 0),
            (layout.AvailableRing.Value, VirtQueueLayout.AvailableRingLength(layout.Size, features), false),
            (layout.UsedRing.Value, VirtQueueLayout.UsedRingLength(layout.Size, features), true),
        ];
    }

    /// <inheritdoc/>
    public bool IsReachable(GuestAddress address, uint length, bool isWritable)
    {
        lock (_iotlb.Sync)
        {
            switch (_iotlb.Reach(address.Value, length, isWritable, ref _since))
            {
                case Reachability.Asked:
                    return false;
                case Reachability.Full when !_isRefused:
                    return false;
                case Reachability.Refused:
                    // It is taken, and fails; and more than can be asked for at a time do not keep it from that.
                    _isRefused = true;
                    break;
                default:
                    break;
            }

            Add(_looked, PagesOf(address.Value, length));
            return true;
        }
    }

    /// <inheritdoc/>
    public void OnLeft()
    {
        lock (_iotlb.Sync)
        {
            _isRefused = false;
            Empty(_looked);
        }
    }

    /// <inheritdoc/>
    public void OnTaken(ushort head)
    {
        lock (_iotlb.Sync)
        {
            // A hostile driver may have made it available twice.
            (_held[head] ??= []).AddRange(_looked);
            (_since, _isRefused) = (0, false);
            Empty(_looked);
        }
    }

    /// <inheritdoc/>
    public void OnReturned(ushort head)
    {
        lock (_iotlb.Sync)
        {
            if (_held[head] is { } held)
            {
                Empty(held);
            }
        }
    }

    /// <summary>Nothing is in flight.</summary>
    internal void Clear()
    {
        lock (_iotlb.Sync)
        {
            (_since, _isRefused) = (0, false);
            Empty(_looked);
            Array.Clear(_held);
        }
    }

    /// <summary>Waits until the rings can be reached, or never will be. By the thread of the queue, before it looks at them.</summary>
    /// <param name="stopping">The queue is to stop: it has not looked at anything.</param>
    /// <returns>Whether it may; otherwise it is to stop.</returns>
    internal bool AwaitRings(CancellationToken stopping)
    {
        long since = 0;
        lock (_iotlb.Sync)
        {
            while (!stopping.IsCancellationRequested && !_iotlb.IsClosed)
            {
                // All are asked for at the same time.
                bool isReachable = true;
                foreach ((ulong address, ulong length, bool isWritable) in _parts)
                {
                    isReachable &= _iotlb.Reach(address, length, isWritable, ref since) is Reachability.Translated or Reachability.Refused;
                }

                if (isReachable)
                {
                    return true;
                }

                _iotlb.WaitForChange();
            }

            return false;
        }
    }

    /// <summary>Whether a range has anything of what is in use. Of a queue that is paused nothing is.</summary>
    /// <param name="first">The first address of the range.</param>
    /// <param name="last">Its last address.</param>
    internal bool Uses(ulong first, ulong last)
    {
        lock (_iotlb.Sync)
        {
            return Array.Exists(_parts, part => Overlaps(PagesOf(part.Address, part.Length)))
                || _looked.Exists(Overlaps)
                || Array.Exists(_held, held => held?.Exists(Overlaps) == true);
        }

        bool Overlaps((ulong First, ulong Last) range) => range.First <= last && first <= range.Last;
    }

    private static (ulong First, ulong Last) PagesOf(ulong address, ulong length)
    {
        const ulong PageMask = GuestAddress.PageSize - 1;
        return (address & ~PageMask, DeviceIotlb.LastOf(address, length) | PageMask);
    }

    /// <summary>Adds a range; buffers that follow each other, or lie in the same page, are one.</summary>
    private static void Add(List<(ulong First, ulong Last)> ranges, (ulong First, ulong Last) range)
    {
        if (ranges.Count != 0 && ranges[^1] is var before && range.First >= before.First && range.First - 1 <= before.Last)
        {
            ranges[^1] = (before.First, Math.Max(before.Last, range.Last));
            return;
        }

        ranges.Add(range);
    }

    private static void Empty(List<(ulong First, ulong Last)> ranges)
    {
        ranges.Clear();
        if (ranges.Capacity > MostKept)
        {
            ranges.Capacity = 0;
        }
    }
}
