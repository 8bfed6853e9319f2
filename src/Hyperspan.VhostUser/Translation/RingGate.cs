using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// What one queue has in use of the front end's translations: its own rings while it is served, and the buffers of its chains from being looked at until they are returned. Who
/// takes translations away stops those queues first that use them.
/// </summary>
/// <remarks>
/// <para>So no thread of a queue waits for a translation while it is to stop: what it needs to end was there when it began.</para>
/// <para>
/// What was found translated is remembered by page, for as long as nothing is taken away anywhere: it is found again without the lock of the translations. Whoever takes
/// something away first makes all that is remembered old, and then looks at what each queue uses, under that one's own lock. A queue looks whether what it remembers is
/// old, and says what it uses, under the same lock: so it either is seen to use it, or asks again.
/// </para>
/// </remarks>
internal sealed class RingGate : IBufferGate
{
    // A chain of more ranges gives its room back when it is returned.
    private const int MostKept = 64;

    // As many as the memory itself remembers; a power of two.
    private const int KnownPages = 512;
    private const ulong PageMask = GuestAddress.PageSize - 1;
    private const ulong CanRead = 1;
    private const ulong CanWrite = 2;

    private readonly DeviceIotlb _iotlb;
    private readonly (ulong Address, ulong Length, bool IsWritable)[] _parts;

    // The last thing that is entered: nothing is waited for in it. A field that is changed, and not read-only.
    private SpinLock _sync = new(enableThreadOwnerTracking: false);

    // What follows is used under it: first and last addresses of pages.
    private List<(ulong First, ulong Last)> _looked = [];
    private readonly List<(ulong First, ulong Last)>?[] _held;

    // What is remembered, each page at the place of its number: its address, and in the bits below what it permits. Of the age beside it. By the thread of the queue.
    private readonly ulong[] _known = new ulong[KnownPages];
    private long _knownAge = -1;

    // When the chain that is looked at first missed a translation, or zero; and whether a buffer of it is refused, as far as is known. By the thread of the queue.
    private long _since;
    private bool _isRefused;

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
        ulong access = isWritable ? CanWrite : CanRead;
        (ulong First, ulong Last) pages = PagesOf(address.Value, length);
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            if (IsKnown(pages, access))
            {
                Add(_looked, pages);
                return true;
            }
        }
        finally
        {
            Leave(isEntered);
        }

        return IsReachableSlowly(address.Value, length, isWritable, pages, access);
    }

    /// <inheritdoc/>
    public void OnLeft()
    {
        _isRefused = false;
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            Empty(_looked);
        }
        finally
        {
            Leave(isEntered);
        }
    }

    /// <inheritdoc/>
    public void OnTaken(ushort head)
    {
        (_since, _isRefused) = (0, false);
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            if (_held[head] is not { Count: > 0 } held)
            {
                (_held[head], _looked) = (_looked, _held[head] ?? []);
                return;
            }

            // A hostile driver has made it available twice.
            held.AddRange(_looked);
            Empty(_looked);
        }
        finally
        {
            Leave(isEntered);
        }
    }

    /// <inheritdoc/>
    public void OnReturned(ushort head)
    {
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            if (_held[head] is { } held)
            {
                Empty(held);
            }
        }
        finally
        {
            Leave(isEntered);
        }
    }

    /// <summary>Nothing is in flight.</summary>
    internal void Clear()
    {
        (_since, _isRefused) = (0, false);
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            Empty(_looked);
            Array.Clear(_held);
        }
        finally
        {
            Leave(isEntered);
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
        bool isEntered = false;
        try
        {
            _sync.Enter(ref isEntered);
            return Array.Exists(_parts, part => Overlaps(PagesOf(part.Address, part.Length)))
                || _looked.Exists(Overlaps)
                || Array.Exists(_held, held => held?.Exists(Overlaps) == true);
        }
        finally
        {
            Leave(isEntered);
        }

        bool Overlaps((ulong First, ulong Last) range) => range.First <= last && first <= range.Last;
    }

    /// <summary>Asks the translations, and remembers what they say of a page.</summary>
    private bool IsReachableSlowly(ulong address, uint length, bool isWritable, (ulong First, ulong Last) pages, ulong access)
    {
        lock (_iotlb.Sync)
        {
            Reachability found = _iotlb.Reach(address, length, isWritable, ref _since);
            switch (found)
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

            bool isEntered = false;
            try
            {
                _sync.Enter(ref isEntered);
                Add(_looked, pages);
                if (found == Reachability.Translated)
                {
                    Remember(pages, access);
                }
            }
            finally
            {
                Leave(isEntered);
            }

            return true;
        }
    }

    private void Leave(bool isEntered)
    {
        if (isEntered)
        {
            _sync.Exit(useMemoryBarrier: false);
        }
    }

    /// <summary>Whether all of a few pages were found translated, and nothing has been taken away since.</summary>
    private bool IsKnown((ulong First, ulong Last) pages, ulong access)
    {
        if (_knownAge != _iotlb.Age || pages.Last - pages.First >= KnownPages * GuestAddress.PageSize)
        {
            return false;
        }

        for (ulong page = pages.First; ; page += GuestAddress.PageSize)
        {
            ulong known = _known[(page / GuestAddress.PageSize) % KnownPages];
            if ((known & ~PageMask) != page || (known & access) == 0)
            {
                return false;
            }

            if ((page | PageMask) == pages.Last)
            {
                return true;
            }
        }
    }

    /// <summary>Remembers pages that are translated, under the lock of the translations too: they are of its age.</summary>
    private void Remember((ulong First, ulong Last) pages, ulong access)
    {
        if (_knownAge != _iotlb.Age)
        {
            Array.Clear(_known);
            _knownAge = _iotlb.Age;
        }

        if (pages.Last - pages.First >= KnownPages * GuestAddress.PageSize)
        {
            return;
        }

        for (ulong page = pages.First; ; page += GuestAddress.PageSize)
        {
            ref ulong known = ref _known[(page / GuestAddress.PageSize) % KnownPages];
            known = (known & ~PageMask) == page ? known | access : page | access;
            if ((page | PageMask) == pages.Last)
            {
                return;
            }
        }
    }

    private static (ulong First, ulong Last) PagesOf(ulong address, ulong length)
    {
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
